import type { CharacterDevice } from '../description.js';
import { type KeyValueList, parseKeyValueList } from './key-value.js';
import { IDENTIFIER_RULE, isIdentifier, parseBoolean, parseInteger } from './values.js';

/** Kinds of character device by their QEMU names. */
export const CHARACTER_DEVICE_KINDS: readonly string[] = ['file', 'null', 'socket', 'stdio'];

/** Parameters that take part in the meaning. */
const PARAMETERS: readonly string[] = [
  'backend',
  'id',
  'path',
  'host',
  'port',
  'fd',
  'server',
  'wait',
  'append',
];
/** Parameters that make no difference to a stream of bytes. */
const IGNORED_PARAMETERS: readonly string[] = [
  'mux',
  'signal',
  'delay',
  'nodelay',
  'ipv4',
  'ipv6',
  'tight',
];
/** Parameters of QEMU that would change what goes over the wire. */
const UNSUPPORTED_PARAMETERS: readonly string[] = [
  'abstract',
  'chardev',
  'clipboard',
  'cols',
  'debug',
  'height',
  'localaddr',
  'localport',
  'logappend',
  'logfile',
  'mouse',
  'name',
  'reconnect',
  'rows',
  'size',
  'telnet',
  'tls-authz',
  'tls-creds',
  'tn3270',
  'to',
  'websocket',
  'width',
];

/** Raises an error about the option at hand; the caller puts the option's text in front. */
export type Refuse = (message: string) => never;

/**
 * Checks the argument of `-chardev`.
 *
 * @param argument for example `socket,id=char0,path=/tmp/sock`
 * @param refuse raises the error
 * @returns the character device and its id
 */
export function parseChardev(
  argument: string,
  refuse: Refuse,
): { readonly id: string; readonly device: CharacterDevice } {
  const list = parseKeyValueList(argument, 'backend');
  const id = list.get('id');
  if (id === undefined) return refuse('chardev: no id specified');
  if (!isIdentifier(id)) return refuse(`Parameter 'id' expects ${IDENTIFIER_RULE}`);
  const kind = list.get('backend');
  if (kind === undefined) return refuse(`chardev: "${id}" missing backend`);
  return { id, device: parseCharacterDevice(kind, list, refuse) };
}

/**
 * Checks the short notation of `-qtest`, `-qmp` and `-monitor`: `null`, `stdio`, `file:PATH`,
 * `unix:PATH[,server=on][,wait=off]` or `tcp:HOST:PORT[,…]`.
 *
 * @param text the notation
 * @param refuse raises the error
 */
export function parseCharacterDeviceText(text: string, refuse: Refuse): CharacterDevice {
  if (text === 'null' || text === 'stdio') return { kind: text };
  const colon = text.indexOf(':');
  const kind = text.slice(0, colon < 0 ? text.length : colon);
  const rest = text.slice(colon + 1);
  if (colon >= 0 && kind === 'file') return { kind: 'file', path: rest, append: false };
  if (colon >= 0 && kind === 'unix') {
    const list = parseKeyValueList(rest, 'path');
    if ((list.get('path') ?? '') === '') refuse('unix: no path given');
    return parseCharacterDevice('socket', list, refuse);
  }
  if (colon >= 0 && kind === 'tcp') {
    const comma = rest.indexOf(',');
    const address = comma < 0 ? rest : rest.slice(0, comma);
    const options = comma < 0 ? '' : rest.slice(comma);
    const match = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(address);
    if (match === null) return refuse(`tcp: expected HOST:PORT, found '${address}'`);
    const host = match[1] ?? match[2]!;
    return parseCharacterDevice(
      'socket',
      parseKeyValueList(`host=${host},port=${match[3]}${options}`),
      refuse,
    );
  }
  return refuse(`'${kind}' is not a valid char driver`);
}

function parseCharacterDevice(kind: string, list: KeyValueList, refuse: Refuse): CharacterDevice {
  if (!CHARACTER_DEVICE_KINDS.includes(kind)) refuse(`'${kind}' is not a valid char driver name`);
  checkParameterNames(list, refuse);
  if (kind === 'socket') return parseSocket(list, refuse);
  if (kind === 'file') {
    const path = list.get('path') ?? '';
    if (path === '') refuse('chardev: file: no filename given');
    return { kind, path, append: booleanParameter(list, 'append', false, refuse) };
  }
  return { kind: kind === 'stdio' ? 'stdio' : 'null' };
}

function parseSocket(list: KeyValueList, refuse: Refuse): CharacterDevice {
  const path = list.get('path');
  const host = list.get('host');
  const fd = list.get('fd');
  const given = [path, host, fd].filter((value) => value !== undefined && value !== '');
  if (given.length !== 1) {
    refuse("chardev: socket: exactly one of 'path', 'fd' or 'host' is needed");
  }
  const server = booleanParameter(list, 'server', false, refuse);
  if (list.get('wait') !== undefined && !server) {
    refuse("'wait' option is incompatible with socket in client connect mode");
  }
  const wait = booleanParameter(list, 'wait', server, refuse);
  if (path !== undefined && path !== '') return { kind: 'unix', path, server, wait };
  if (fd !== undefined && fd !== '') {
    const number = parseInteger(fd);
    if (number === undefined || number < 0n || number > 0x7fff_ffffn) {
      return refuse(`Unable to parse FD number ${fd}`);
    }
    return { kind: 'fd', fd: Number(number), server, wait };
  }
  const port = list.get('port');
  if (port === undefined) return refuse('chardev: socket: no port given');
  const portNumber = parseInteger(port);
  if (portNumber === undefined || portNumber < 0n || portNumber > 65_535n) {
    return refuse(`Parameter 'port' expects a number from 0 to 65535, found '${port}'`);
  }
  return { kind: 'tcp', host: host!, port: Number(portNumber), server, wait };
}

function booleanParameter(
  list: KeyValueList,
  name: string,
  absent: boolean,
  refuse: Refuse,
): boolean {
  const text = list.get(name);
  if (text === undefined) return absent;
  return parseBoolean(text) ?? refuse(`Parameter '${name}' expects 'on' or 'off'`);
}

function checkParameterNames(list: KeyValueList, refuse: Refuse): void {
  for (const [name, value] of list.entries()) {
    if (PARAMETERS.includes(name) || IGNORED_PARAMETERS.includes(name)) continue;
    if (!UNSUPPORTED_PARAMETERS.includes(name)) refuse(`Invalid parameter '${name}'`);
    if (parseBoolean(value) !== false) {
      refuse(`Parameter '${name}' is not supported by this machine; leave it out`);
    }
  }
}
