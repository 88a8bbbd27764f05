import type { GuestMemory } from 'tpm-core';
import {
  buildTableLoader,
  FW_CFG_FILE,
  FwCfgDevice,
  type LoaderTable,
  TPM_LOG_SIZE,
  tpmConfigFile,
} from '../src/index.js';

interface Tables {
  readonly blob: Uint8Array;
  readonly rsdp: Uint8Array;
  readonly list: readonly LoaderTable[];
}

export function makeFwCfg(memory: GuestMemory, makeTables: () => Tables): FwCfgDevice {
  const fwCfg = new FwCfgDevice({ variant: 'io', memory });
  fwCfg.addFile(FW_CFG_FILE.tpmConfig, tpmConfigFile({ version: '2.0' }));
  fwCfg.addFile(FW_CFG_FILE.tpmLog, new Uint8Array(TPM_LOG_SIZE));
  fwCfg.addGeneratedFiles(() => {
    const { blob, rsdp, list } = makeTables();
    const script = buildTableLoader({ tables: list, rsdpRevision: 0, sizeMultiple: 4096 });
    return {
      [FW_CFG_FILE.acpiTables]: blob,
      [FW_CFG_FILE.acpiRsdp]: rsdp,
      [FW_CFG_FILE.tableLoader]: script,
    };
  });
  fwCfg.reset();
  return fwCfg;
}
