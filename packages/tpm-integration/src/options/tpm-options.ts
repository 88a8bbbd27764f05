import type {
  BackendDefinition,
  CharacterDevice,
  DeviceDefinition,
  DeviceModel,
  SystemTarget,
} from '../description.js';
import type { Refuse } from './chardev-options.js';
import { type KeyValueList, parseKeyValueList } from './key-value.js';
import { IDENTIFIER_RULE, isIdentifier, parseBoolean, parseInteger } from './values.js';

/** Types of back end that `-tpmdev` knows, with the text of `-tpmdev help`. */
export const BACKEND_TYPES: readonly {
  readonly name: BackendDefinition['type'];
  readonly text: string;
}[] = [
  { name: 'passthrough', text: 'Passthrough TPM backend driver' },
  { name: 'emulator', text: 'TPM emulator backend driver' },
  { name: 'embedded', text: 'TPM in this process (not in QEMU)' },
];

/** Parameters of each back end type besides `type` and `id`. */
const BACKEND_PARAMETERS: ReadonlyMap<string, readonly string[]> = new Map([
  ['emulator', ['chardev', 'data-chardev']],
  ['passthrough', ['path', 'cancel-path']],
  ['embedded', ['state']],
]);

/** Path that a passthrough back end uses when none is given. */
export const DEFAULT_PASSTHROUGH_PATH = '/dev/tpm0';

/** Default of `irq` for both TIS models. */
export const DEFAULT_IRQ = 5;

/** Highest interrupt line of the ISA bus. */
const LAST_ISA_IRQ = 15;

/** Default of `reg`: the bus chooses the address. */
const UNASSIGNED_REG = 0xffff_ffff;

/** Type of a device property, in the words of `-device MODEL,help`. */
export type PropertyType = 'uint32' | 'bool' | 'str';

/** A property that `-device` accepts. */
export interface DeviceProperty {
  readonly name: string;
  readonly type: PropertyType;
  /** Text of the default value, or what the property means when it has none. */
  readonly text: string;
}

const TPMDEV: DeviceProperty = {
  name: 'tpmdev',
  type: 'str',
  text: 'ID of a tpm to use as a backend',
};
const IRQ: DeviceProperty = { name: 'irq', type: 'uint32', text: `(default: ${DEFAULT_IRQ})` };
const PPI: DeviceProperty = { name: 'ppi', type: 'bool', text: '(default: true)' };
const CHUNKING: DeviceProperty = {
  name: 'cap-chunk',
  type: 'bool',
  text: '(default: false; newer than QEMU 7.2)',
};
const REG: DeviceProperty = { name: 'reg', type: 'uint32', text: `(default: ${UNASSIGNED_REG})` };

/** Properties of every TPM device besides `driver`, `id` and `bus`, in the order of `help`. */
export const DEVICE_PROPERTIES: Readonly<Record<DeviceModel, readonly DeviceProperty[]>> = {
  'tpm-tis': [IRQ, PPI, TPMDEV],
  'tpm-tis-device': [IRQ, TPMDEV],
  'tpm-crb': [CHUNKING, PPI, TPMDEV],
  'tpm-spapr': [REG, TPMDEV],
};

/** Models that exist for each target. */
export const TARGET_MODELS: Readonly<Record<SystemTarget, readonly DeviceModel[]>> = {
  x86_64: ['tpm-crb', 'tpm-tis'],
  aarch64: ['tpm-tis-device'],
  ppc64: ['tpm-spapr'],
};

/** The bus that every machine of `x86_64` has. */
const ISA_BUS = 'isa.0';

/** Bus that a model may be told to sit on, when its machine has one. */
const MODEL_BUS: Readonly<Partial<Record<DeviceModel, string>>> = { 'tpm-tis': ISA_BUS };

/**
 * Checks the argument of `-tpmdev` apart from whether its character devices exist.
 *
 * @param argument for example `emulator,id=tpm0,chardev=char0`
 * @param refuse raises the error
 */
export function parseTpmdev(argument: string, refuse: Refuse): BackendDefinition {
  const list = parseKeyValueList(argument, 'type');
  const id = list.get('id');
  if (id === undefined) return refuse("Parameter 'id' is missing");
  if (!isIdentifier(id)) return refuse(`Parameter 'id' expects ${IDENTIFIER_RULE}`);
  const type = list.get('type');
  const choices = BACKEND_TYPES.map((backend) => backend.name).join(', ');
  if (type === undefined) return refuse(`Parameter 'type' is missing; choose one of: ${choices}`);
  const parameters = BACKEND_PARAMETERS.get(type);
  if (parameters === undefined) {
    return refuse(`Parameter 'type' expects a TPM backend type; choose one of: ${choices}`);
  }
  for (const key of list.keys) {
    if (key !== 'id' && key !== 'type' && !parameters.includes(key)) {
      refuse(`Invalid parameter '${key}'`);
    }
  }
  if (type === 'emulator') return emulatorOf(id, list, refuse);
  return type === 'embedded' ? embeddedOf(id, list, refuse) : passthroughOf(id, list);
}

function embeddedOf(id: string, list: KeyValueList, refuse: Refuse): BackendDefinition {
  const state = list.get('state');
  if (state === '') refuse("tpm-embedded: parameter 'state' expects a directory");
  return { type: 'embedded', id, ...(state === undefined ? {} : { state }) };
}

function emulatorOf(id: string, list: KeyValueList, refuse: Refuse): BackendDefinition {
  const chardev = list.get('chardev');
  if (chardev === undefined) return refuse("tpm-emulator: parameter 'chardev' is missing");
  const dataChardev = list.get('data-chardev');
  if (dataChardev === chardev) {
    refuse(`tpm-emulator: 'chardev' and 'data-chardev' both name '${chardev}'`);
  }
  return { type: 'emulator', id, chardev, ...(dataChardev === undefined ? {} : { dataChardev }) };
}

function passthroughOf(id: string, list: KeyValueList): BackendDefinition {
  const cancelPath = list.get('cancel-path');
  return {
    type: 'passthrough',
    id,
    path: list.get('path') ?? DEFAULT_PASSTHROUGH_PATH,
    ...(cancelPath === undefined ? {} : { cancelPath }),
  };
}

/**
 * Checks that the character devices of a back end exist and can serve as swtpm's channels.
 *
 * @param backend the back end
 * @param chardevs every character device by id
 * @param refuse raises the error
 */
export function checkBackendChardevs(
  backend: BackendDefinition,
  chardevs: ReadonlyMap<string, CharacterDevice>,
  refuse: Refuse,
): void {
  if (backend.type !== 'emulator') return;
  const names = [backend.chardev, backend.dataChardev].filter((name) => name !== undefined);
  for (const name of names) {
    const device = chardevs.get(name) ?? refuse(`tpm-emulator: tpm chardev '${name}' not found`);
    if (device.kind !== 'unix' && device.kind !== 'tcp' && device.kind !== 'fd') {
      refuse(`tpm-emulator: tpm chardev '${name}' is '${device.kind}'; swtpm needs a socket`);
    }
    if (device.kind !== 'fd' && device.server) {
      refuse(`tpm-emulator: tpm chardev '${name}' has server=on; swtpm is the server`);
    }
  }
  const control = chardevs.get(backend.chardev);
  if (control?.kind !== 'unix' && backend.dataChardev === undefined) {
    refuse(
      `tpm-emulator: tpm chardev '${backend.chardev}' is no unix socket path, ` +
        "so that swtpm's data channel needs a chardev of its own; add data-chardev=ID",
    );
  }
}

/** What the checks of a device have to know about the machine. */
export interface DeviceContext {
  readonly target: SystemTarget;
  readonly defaultPpi: boolean;
  readonly backend: BackendDefinition | undefined;
  /** Devices that came before this one. */
  readonly earlier: readonly DeviceDefinition[];
}

/**
 * Brings the JSON form of `-device` into the list form.
 *
 * @param argument the argument as given
 * @param refuse raises the error
 */
export function deviceArgument(argument: string, refuse: Refuse): string {
  if (!argument.startsWith('{')) return argument;
  let properties: Record<string, unknown>;
  try {
    properties = JSON.parse(argument);
  } catch (error) {
    return refuse(`JSON parse error, ${error instanceof Error ? error.message : error}`);
  }
  const items = Object.entries(properties).map(([name, value]) => {
    if (typeof value === 'object') refuse(`Invalid parameter type for '${name}'`);
    const text = typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
    return `${name}=${text}`.replaceAll(',', ',,');
  });
  return items.join(',');
}

/**
 * Checks the argument of `-device`.
 *
 * @param argument for example `tpm-tis,tpmdev=tpm0`
 * @param context the rest of the machine
 * @param refuse raises the error
 */
export function parseDevice(
  argument: string,
  context: DeviceContext,
  refuse: Refuse,
): DeviceDefinition {
  const list = parseKeyValueList(argument, 'driver');
  const model = modelOf(list, context, refuse);
  const id = list.get('id');
  if (id !== undefined && !isIdentifier(id)) {
    return refuse(`Parameter 'id' expects ${IDENTIFIER_RULE}`);
  }
  if (id !== undefined && context.earlier.some((device) => device.id === id)) {
    return refuse(`Duplicate ID '${id}' for device`);
  }
  checkPropertyNames(list, model, refuse);
  const irq = uint32Property(list, 'irq', DEFAULT_IRQ, refuse);
  const reg = uint32Property(list, 'reg', UNASSIGNED_REG, refuse);
  const ppi = booleanProperty(list, PPI.name, context.defaultPpi, refuse);
  const chunking = booleanProperty(list, CHUNKING.name, false, refuse);
  const tpmdev = tpmdevOf(list, model, context, refuse);
  if (model === 'tpm-tis' && irq > LAST_ISA_IRQ) {
    return refuse(`IRQ ${irq} is outside valid range of 0 to ${LAST_ISA_IRQ}`);
  }
  return {
    model,
    tpmdev,
    irq,
    ppi: ppi && DEVICE_PROPERTIES[model].includes(PPI),
    ...(id === undefined ? {} : { id }),
    ...(model === 'tpm-crb' ? { chunking } : {}),
    ...(model === 'tpm-spapr' ? { reg } : {}),
  };
}

function modelOf(list: KeyValueList, context: DeviceContext, refuse: Refuse): DeviceModel {
  const driver = list.get('driver') ?? '';
  if (driver === '') return refuse("Parameter 'driver' is missing");
  const model = TARGET_MODELS[context.target].find((name) => name === driver);
  if (model !== undefined) return model;
  const elsewhere = Object.hasOwn(DEVICE_PROPERTIES, driver) ? ` for ${context.target}` : '';
  const models = TARGET_MODELS[context.target].join(', ');
  return refuse(
    `'${driver}' is not a valid device model name${elsewhere}; this machine has: ${models}`,
  );
}

function tpmdevOf(
  list: KeyValueList,
  model: DeviceModel,
  context: DeviceContext,
  refuse: Refuse,
): string {
  const tpmdev = list.get('tpmdev');
  const first = context.earlier[0];
  if (tpmdev === undefined) {
    if (first !== undefined) return refuse('at most one TPM device is permitted');
    return refuse("'tpmdev' property is required");
  }
  if (context.backend?.id !== tpmdev) {
    return refuse(`Property '${model}.tpmdev' can't find value '${tpmdev}'`);
  }
  if (first !== undefined) return refuse(`TPM backend '${tpmdev}' is already initialized`);
  return tpmdev;
}

function checkPropertyNames(list: KeyValueList, model: DeviceModel, refuse: Refuse): void {
  const known = DEVICE_PROPERTIES[model].map((property) => property.name);
  for (const [name, value] of list.entries()) {
    if (name === 'driver' || name === 'id' || known.includes(name)) continue;
    if (name !== 'bus') refuse(`Property '${model}.${name}' not found`);
    if (MODEL_BUS[model] === value) continue;
    if (model === 'tpm-crb' && value === ISA_BUS) {
      refuse(`Device '${model}' can't go on ISA bus`);
    }
    refuse(`Bus '${value}' not found`);
  }
}

function booleanProperty(
  list: KeyValueList,
  name: string,
  absent: boolean,
  refuse: Refuse,
): boolean {
  const text = list.get(name);
  const value = text === undefined ? absent : parseBoolean(text);
  return value ?? refuse(`Parameter '${name}' expects 'on' or 'off'`);
}

function uint32Property(list: KeyValueList, name: string, absent: number, refuse: Refuse): number {
  const text = list.get(name);
  if (text === undefined) return absent;
  const value = parseInteger(text);
  if (value === undefined) return refuse(`Parameter '${name}' expects integer`);
  if (value < 0n || value > 0xffff_ffffn) return refuse(`Parameter '${name}' expects uint32_t`);
  return Number(value);
}

/** What can be built; the grammar knows more. Maps and sets by name serve. */
export interface Availability {
  readonly devices: { has(model: DeviceModel): boolean };
  readonly backends: { has(type: BackendDefinition['type']): boolean };
}

/**
 * Refuses what the grammar knows but this version can't build.
 *
 * @param available what it can build
 * @param device the device, if any
 * @param backend the back end, if any
 * @param refuse raises the error about the option that `option` names
 */
export function checkAvailability(
  available: Availability,
  device: DeviceDefinition | undefined,
  backend: BackendDefinition | undefined,
  refuse: (option: 'device' | 'tpmdev', message: string) => never,
): void {
  if (device !== undefined && !available.devices.has(device.model)) {
    refuse('device', `device '${device.model}' is not available in this version`);
  }
  if (backend !== undefined && !available.backends.has(backend.type)) {
    refuse('tpmdev', `TPM backend type '${backend.type}' is not available in this version`);
  }
}
