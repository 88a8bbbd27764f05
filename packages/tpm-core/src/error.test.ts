import { describe, expect, it } from 'vitest';
import { SnapshotError, TpmdevError } from './error.js';

describe('TpmdevError', () => {
  it('TpmdevError carries code, cause and the name of its class', () => {
    const cause = new Error('inner');
    const error = new SnapshotError('configured 2.0, saved 1.2', { cause });
    expect(error).toBeInstanceOf(TpmdevError);
    expect(error).toMatchObject({ name: 'SnapshotError', code: 'ERR_SNAPSHOT', cause });
    expect('cause' in new TpmdevError('ERR_X', 'no cause')).toBe(false);
  });

  it('TpmdevError.isInstance() recognises an error of another copy of the package', () => {
    const foreign = Object.assign(new Error('foreign'), { [Symbol.for('tpmdev.error')]: true });
    expect(TpmdevError.isInstance(foreign)).toBe(true);
    expect(TpmdevError.isInstance(new TpmdevError('ERR_X', 'own'))).toBe(true);
    expect(TpmdevError.isInstance(new Error('plain'))).toBe(false);
    expect(TpmdevError.isInstance(undefined)).toBe(false);
  });
});
