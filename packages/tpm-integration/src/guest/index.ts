export { CrbDriver, type CrbDriverOptions, type CrbIdentity } from './crb-driver.js';
export { probeTpm } from './probe.js';
export type { PcrBank, ProbeReport } from './probe-report.js';
export { TisDriver, type TisDriverOptions, type TisIdentity } from './tis-driver.js';
export {
  EVENT_LOOP_PACING,
  GuestDriverError,
  type GuestTransport,
  type Pacing,
} from './transport.js';
