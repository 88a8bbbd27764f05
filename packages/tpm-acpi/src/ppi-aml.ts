// The physical presence interface as AML: the `_DSM` of the TPM device and the memory that it
// shares with firmware (TCG PC Client Platform Physical Presence Interface Specification 1.30;
// TCG Platform Reset Attack Mitigation Specification).

import * as aml from './aml/index.js';

/** Address of the PPI memory in a PC: right behind the five localities of TIS. */
export const PPI_ADDRESS = 0xfed4_5000;

/** UUID of the physical presence interface. */
export const PPI_UUID = '3dddfaa6-361b-4eb4-a424-8d10089d1653';

/** UUID of the memory overwrite request. */
export const MEMORY_OVERWRITE_UUID = '376054ed-cc13-4675-901c-4756d7f2d45d';

/** Offsets in the PPI memory that the AML uses, and lengths, in bytes. */
const LAYOUT = {
  /** One byte per operation: whether it is implemented, allowed, confirmed. */
  func: { offset: 0, count: 0x100 },
  /** `ppin` to `next_step`. */
  registers: { offset: 0x100, length: 0x5a },
  movv: { offset: 0x15a, length: 1 },
} as const;

/** Functions of the physical presence interface. */
const PPI_FUNCTION = {
  query: 0,
  version: 1,
  submitRequest: 2,
  pendingRequest: 3,
  transitionAction: 4,
  response: 5,
  userLanguage: 6,
  submitRequest2: 7,
  confirmationStatus: 8,
} as const;

/** Functions of the memory overwrite request. */
const MEMORY_OVERWRITE_FUNCTION = { query: 0, set: 1 } as const;

/** Results of submitRequest and submitRequest2. */
const SUBMIT = { success: 0, notImplemented: 1, blocked: 3 } as const;

const TRANSITION_REBOOT = 2;
const LANGUAGE_NOT_IMPLEMENTED = 3;

/** What a byte of `func` says, in its low three bits. */
const FLAGS = { mask: 7, notImplemented: 0, blocked: 2 } as const;

/** Arguments of a `_DSM`. */
const REVISION = aml.argument(1);
const FUNCTION = aml.argument(2);
const ARGUMENTS = aml.argument(3);

/** Locals of this `_DSM`. */
const OPERATION = aml.local(0);
const OPERATION_FLAGS = aml.local(1);

function isInterface(uuid: string, body: readonly aml.AmlStatement[]): aml.AmlStatement {
  return aml.ifThen(aml.lEqual(aml.argument(0), aml.uuid(uuid)), body);
}

function isFunction(number: number, body: readonly aml.AmlStatement[]): aml.AmlStatement {
  return aml.ifThen(aml.lEqual(FUNCTION, number), body);
}

function isRevision(number: number, body: readonly aml.AmlStatement[]): aml.AmlStatement {
  return aml.ifThen(aml.lEqual(REVISION, number), body);
}

function element(list: aml.Operand, number: number): aml.AmlTerm {
  return aml.index(list, number);
}

const FIRST_ARGUMENT = aml.derefOf(element(ARGUMENTS, 0));
const MASKED_FLAGS = aml.and(OPERATION_FLAGS, FLAGS.mask);

/** The operation that the caller asks for, and its byte of `func`. */
const FETCH = [
  aml.store(FIRST_ARGUMENT, OPERATION),
  aml.store(aml.call('TPFN', OPERATION), OPERATION_FLAGS),
] as const;

/**
 * `TPFN (operation)`: one byte of `func`. The region is made anew for each byte because
 * guests mishandle an index into a field that is a buffer.
 */
function readFunc(address: number): aml.AmlStatement {
  return aml.method('TPFN', { arguments: 1, serialized: true }, [
    aml.ifThen(aml.lGreaterEqual(aml.argument(0), LAYOUT.func.count), [
      aml.returns(FLAGS.notImplemented),
    ]),
    aml.operationRegion(
      'TPP1',
      'systemMemory',
      aml.add(address + LAYOUT.func.offset, aml.argument(0)),
      1,
    ),
    aml.field('TPP1', { access: 'byte' }, [aml.fieldUnit('TPPF', 8)]),
    aml.returns('TPPF'),
  ]);
}

function physicalPresence(): aml.AmlStatement {
  return isInterface(PPI_UUID, [
    isFunction(PPI_FUNCTION.query, [aml.returns(aml.buffer([0xff, 0x01]))]),
    isFunction(PPI_FUNCTION.version, [aml.returns(aml.string('1.3'))]),
    isFunction(PPI_FUNCTION.submitRequest, [
      ...FETCH,
      // QEMU: a blocked operation is refused by submitRequest2 only.
      aml.ifThen(aml.lEqual(MASKED_FLAGS, FLAGS.notImplemented), [
        aml.returns(SUBMIT.notImplemented),
      ]),
      aml.store(OPERATION, 'PPRQ'),
      aml.store(0, 'PPRM'),
      aml.returns(SUBMIT.success),
    ]),
    isFunction(PPI_FUNCTION.pendingRequest, [
      isRevision(1, [aml.store('PPRQ', element('TPM2', 1)), aml.returns('TPM2')]),
      isRevision(2, [
        aml.store('PPRQ', element('TPM3', 1)),
        aml.store('PPRM', element('TPM3', 2)),
        aml.returns('TPM3'),
      ]),
    ]),
    isFunction(PPI_FUNCTION.transitionAction, [aml.returns(TRANSITION_REBOOT)]),
    isFunction(PPI_FUNCTION.response, [
      aml.store('LPPR', element('TPM3', 1)),
      aml.store('PPRP', element('TPM3', 2)),
      aml.returns('TPM3'),
    ]),
    isFunction(PPI_FUNCTION.userLanguage, [aml.returns(LANGUAGE_NOT_IMPLEMENTED)]),
    isFunction(PPI_FUNCTION.submitRequest2, submitRequest2()),
    isFunction(PPI_FUNCTION.confirmationStatus, [...FETCH, aml.returns(MASKED_FLAGS)]),
    aml.returns(aml.buffer([0])),
  ]);
}

function submitRequest2(): readonly aml.AmlStatement[] {
  return [
    ...FETCH,
    aml.ifThen(aml.lEqual(MASKED_FLAGS, FLAGS.notImplemented), [
      aml.returns(SUBMIT.notImplemented),
    ]),
    aml.ifThen(aml.lEqual(MASKED_FLAGS, FLAGS.blocked), [aml.returns(SUBMIT.blocked)]),
    isRevision(1, [aml.store(OPERATION, 'PPRQ'), aml.store(0, 'PPRM')]),
    isRevision(2, [
      aml.store(OPERATION, 'PPRQ'),
      aml.store(aml.derefOf(element(ARGUMENTS, 1)), 'PPRM'),
    ]),
    // QEMU: success also for another revision, although nothing was stored.
    aml.returns(SUBMIT.success),
  ];
}

function memoryOverwrite(): aml.AmlStatement {
  return isInterface(MEMORY_OVERWRITE_UUID, [
    isFunction(MEMORY_OVERWRITE_FUNCTION.query, [aml.returns(aml.buffer([0x03]))]),
    isFunction(MEMORY_OVERWRITE_FUNCTION.set, [
      aml.store(FIRST_ARGUMENT, OPERATION),
      aml.store(OPERATION, 'MOVV'),
      aml.returns(0),
    ]),
  ]);
}

/**
 * The objects that give a TPM device the physical presence interface and the memory overwrite
 * request: two operation regions, the method `TPFN`, two packages and `_DSM`. At the default
 * address they are the 540 bytes that QEMU 7.2 has.
 *
 * @param address guest-physical address of the 1024 bytes of PPI memory
 */
export function ppiObjects(address: number = PPI_ADDRESS): readonly aml.AmlStatement[] {
  const { registers, movv } = LAYOUT;
  return [
    aml.operationRegion('TPP2', 'systemMemory', address + registers.offset, registers.length),
    aml.field('TPP2', {}, [
      aml.fieldUnit('PPIN', 8),
      aml.fieldUnit('PPIP', 32),
      aml.fieldUnit('PPRP', 32),
      aml.fieldUnit('PPRQ', 32),
      aml.fieldUnit('PPRM', 32),
      aml.fieldUnit('LPPR', 32),
    ]),
    aml.operationRegion('TPP3', 'systemMemory', address + movv.offset, movv.length),
    aml.field('TPP3', { access: 'byte' }, [aml.fieldUnit('MOVV', 8)]),
    readFunc(address),
    aml.name('TPM2', aml.packageOf([0, 0])),
    aml.name('TPM3', aml.packageOf([0, 0, 0])),
    aml.method('_DSM', { arguments: 4, serialized: true }, [physicalPresence(), memoryOverwrite()]),
  ];
}
