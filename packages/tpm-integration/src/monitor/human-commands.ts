import { COMPATIBILITY_LEVEL, PACKAGE } from '../version.js';
import { backendOptions, type MonitorHost } from './monitor-host.js';

/** A command of the human monitor. Only `help` and `info` take arguments. */
interface HumanCommand {
  /** Names, separated by `|`, the full one first. */
  readonly name: string;
  /** Arguments, for help. */
  readonly parameters?: string;
  readonly help: string;
  /** @returns what to print, lines ending in a line feed */
  readonly run: (host: MonitorHost) => string | Promise<string>;
}

const INFO_COMMANDS: readonly HumanCommand[] = [
  { name: 'kvm', help: 'show KVM information', run: () => 'kvm support: disabled\n' },
  { name: 'name', help: 'show the current VM name', run: guestName },
  {
    name: 'status',
    help: 'show the current VM status (running|paused)',
    run: (host) => `VM status: ${statusText(host)}\n`,
  },
  { name: 'tpm', help: 'show the TPM device', run: tpmText },
  {
    name: 'uuid',
    help: 'show the current VM UUID',
    run: (host) => `${host.description.uuid ?? NIL_UUID}\n`,
  },
  {
    name: 'version',
    help: 'show the version of QEMU',
    run: () => `${COMPATIBILITY_LEVEL.join('.')} ${PACKAGE}\n`,
  },
];

const COMMANDS: readonly HumanCommand[] = [
  { name: 'cont|c', help: 'resume emulation', run: (host) => quietly(host.cont()) },
  {
    name: 'help|?',
    parameters: '[cmd]',
    help: 'show the help',
    run: () => helpText([]),
  },
  {
    name: 'info',
    parameters: '[subcommand]',
    help: 'show various information about the system state',
    run: () => helpText(['info']),
  },
  {
    name: 'quit|q',
    help: 'quit the emulator',
    run: (host) => {
      host.quit();
      return '';
    },
  },
  { name: 'stop|s', help: 'stop emulation', run: (host) => quietly(host.stop()) },
  { name: 'system_reset', help: 'reset the system', run: (host) => quietly(host.reset()) },
];

/** Identity of a guest that has none (RFC 4122, section 4.1.7). */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/**
 * Runs a line of the human monitor.
 *
 * @param host the machine
 * @param line the line, without its end
 * @returns what QEMU prints, lines ending in a line feed
 */
export async function runHumanCommand(host: MonitorHost, line: string): Promise<string> {
  const words = [...line.matchAll(/[^ \t]+/g)];
  const [first, second] = words;
  if (first === undefined) return '';
  const command = find(COMMANDS, first[0]);
  if (command === undefined) return unknown(line, first);
  const hasTopic = command.name.startsWith('help');
  if (hasTopic && second !== undefined) return helpText(words.slice(1).map(([word]) => word));
  if (command.name !== 'info' || second === undefined) {
    return second === undefined ? command.run(host) : extraneous(command, first[0]);
  }
  const topic = find(INFO_COMMANDS, second[0]);
  if (topic === undefined) return unknown(line, second);
  return words.length === 2 ? topic.run(host) : extraneous(topic, `info ${second[0]}`);
}

function find(commands: readonly HumanCommand[], word: string): HumanCommand | undefined {
  return commands.find((command) => command.name.split('|').includes(word));
}

function unknown(line: string, word: RegExpExecArray): string {
  return `unknown command: '${line.slice(0, word.index + word[0].length)}'\n`;
}

function extraneous(command: HumanCommand, topic: string): string {
  return (
    `${command.name}: extraneous characters at the end of line\n` +
    `Try "help ${topic}" for more information\n`
  );
}

function helpText(topic: readonly string[]): string {
  const [word, subWord] = topic;
  if (word === undefined) return COMMANDS.map((command) => helpLine(command)).join('');
  const command = find(COMMANDS, word);
  if (command === undefined) return `unknown command: '${topic.join(' ')}'\n`;
  if (command.name !== 'info') return helpLine(command);
  if (subWord === undefined) return INFO_COMMANDS.map((info) => helpLine(info, 'info ')).join('');
  const info = find(INFO_COMMANDS, subWord);
  return info === undefined ? `unknown command: '${topic.join(' ')}'\n` : helpLine(info, 'info ');
}

function helpLine({ name, parameters = '', help }: HumanCommand, prefix = ''): string {
  return `${prefix}${name} ${parameters} -- ${help}\n`;
}

async function quietly(action: Promise<void>): Promise<string> {
  await action;
  return '';
}

function guestName({ description }: MonitorHost): string {
  return description.guestName === undefined ? '' : `${description.guestName}\n`;
}

function statusText(host: MonitorHost): string {
  if (host.running) return 'running';
  return host.status === 'paused' ? 'paused' : `paused (${host.status})`;
}

function tpmText(host: MonitorHost): string {
  const backend = host.description.backend;
  if (host.tpmModel === undefined || backend === undefined) return '';
  const options = Object.entries(backendOptions(host)).map(([name, value]) => `,${name}=${value}`);
  return (
    `TPM device:\n tpm0: model=${host.tpmModel}\n` +
    `  \\ ${backend.id}: type=${backend.type}${options.join('')}\n`
  );
}
