import { packageBuild } from '@tpmdev/workspace/tsup';

export default packageBuild({
  index: 'src/index.ts',
  assembly: 'src/assembly/index.ts',
  guest: 'src/guest/index.ts',
  options: 'src/options/index.ts',
  'bin/tpmdev': 'src/bin/tpmdev.ts',
  'bin/tpm-system-x86_64': 'src/bin/tpm-system-x86_64.ts',
  'bin/tpm-system-aarch64': 'src/bin/tpm-system-aarch64.ts',
  'bin/tpm-system-ppc64': 'src/bin/tpm-system-ppc64.ts',
});
