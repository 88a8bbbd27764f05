import { packageBuild } from '@tpmdev/workspace/tsup';

export default packageBuild({
  index: 'src/index.ts',
  'event-log': 'src/event-log.ts',
  ppi: 'src/ppi.ts',
});
