import {
  type KeyValueList,
  parseInteger,
  parseKeyValueList,
  type Refuse,
} from 'tpm-integration/options';
import type { BootDescription, DriveSlot, FwCfgSource } from './description.js';

/** A drive and what is in it. */
export interface DriveDefinition {
  readonly slot: DriveSlot;
  readonly path: string;
}

/** Slots by interface, media and index, in the order in which they are filled. */
const DISK_SLOTS: readonly DriveSlot[] = ['hda', 'hdb'];
const FLOPPY_SLOTS: readonly DriveSlot[] = ['fda', 'fdb'];

const DRIVE_PARAMETERS: readonly string[] = ['file', 'media', 'if', 'index', 'format', 'id'];

/** Parameters that make no difference to an image in memory. */
const IGNORED_DRIVE_PARAMETERS: readonly string[] = ['cache', 'aio', 'snapshot', 'discard'];

/**
 * Checks the argument of `-drive`.
 *
 * @param argument for example `file=disk.img,format=raw` or `file=cd.iso,media=cdrom`
 * @param isFree whether nothing is in a slot yet
 */
export function parseDrive(
  argument: string,
  isFree: (slot: DriveSlot) => boolean,
  refuse: Refuse,
): DriveDefinition {
  const list = parseKeyValueList(argument);
  for (const key of list.keys) {
    if (!DRIVE_PARAMETERS.includes(key) && !IGNORED_DRIVE_PARAMETERS.includes(key)) {
      refuse(`Invalid parameter '${key}'`);
    }
  }
  const path = list.get('file') ?? '';
  if (path === '') return refuse("Parameter 'file' is missing");
  const format = list.get('format') ?? 'raw';
  if (format !== 'raw') {
    refuse(`format '${format}' is not supported; use a raw image, which qemu-img convert makes`);
  }
  const slots = slotsOf(list, refuse);
  const index = list.get('index');
  if (index === undefined) {
    return {
      slot: slots.find(isFree) ?? refuse(`there is no free drive: ${slots.join(', ')}`),
      path,
    };
  }
  const number = parseInteger(index);
  const slot = number === undefined ? undefined : slots[Number(number)];
  if (slot === undefined) {
    return refuse(`Parameter 'index' expects a number from 0 to ${slots.length - 1}`);
  }
  return { slot, path };
}

function slotsOf(list: KeyValueList, refuse: Refuse): readonly DriveSlot[] {
  const media = list.get('media') ?? 'disk';
  const bus = list.get('if') ?? 'ide';
  if (bus !== 'ide' && bus !== 'floppy') {
    return refuse(`unsupported bus type '${bus}'; use if=ide or if=floppy`);
  }
  if (bus === 'floppy') return FLOPPY_SLOTS;
  if (media === 'cdrom') return ['cdrom'];
  return media === 'disk' ? DISK_SLOTS : refuse(`'${media}' invalid media; use disk or cdrom`);
}

const BOOT_PARAMETERS: readonly string[] = ['order', 'menu', 'splash-time', 'strict'];

/** SeaBIOS takes 16 bits. */
const LONGEST_SPLASH = 0xffff;

/**
 * Checks the argument of `-boot`.
 *
 * @param argument for example `menu=on`, `d` or `order=dc,menu=on,splash-time=5000`
 */
export function parseBoot(argument: string, refuse: Refuse): BootDescription {
  const list = parseKeyValueList(argument, 'order');
  for (const key of list.keys) {
    if (!BOOT_PARAMETERS.includes(key)) refuse(`Invalid parameter '${key}'`);
  }
  const order = list.get('order');
  if (order !== undefined && (!/^[acd]+$/.test(order) || new Set(order).size < order.length)) {
    refuse(`Invalid boot order '${order}'; use a (floppy), c (hard disk), d (CD-ROM), each once`);
  }
  const menu = list.get('menu') ?? 'off';
  if (menu !== 'on' && menu !== 'off') refuse("Parameter 'menu' expects 'on' or 'off'");
  const splash = list.get('splash-time');
  const splashTime = splash === undefined ? undefined : parseInteger(splash);
  if (
    splash !== undefined &&
    !(splashTime !== undefined && splashTime >= 0n && splashTime <= LONGEST_SPLASH)
  ) {
    refuse(`splash-time is invalid, it should be a value between 0 and ${LONGEST_SPLASH}`);
  }
  return {
    order,
    menu: menu === 'on',
    splashTime: splashTime === undefined ? undefined : Number(splashTime),
  };
}

/** Name of a fw_cfg file (fw_cfg specification: 56 bytes with the zero at its end). */
const FILE_NAME = /^[!-~]{1,55}$/;

/**
 * Checks the argument of `-fw_cfg`.
 *
 * @param argument for example `name=opt/org.example/x,string=hello`
 */
export function parseFwCfg(
  argument: string,
  refuse: Refuse,
): { readonly name: string; readonly source: FwCfgSource } {
  const list = parseKeyValueList(argument, 'name');
  for (const key of list.keys) {
    if (!['name', 'file', 'string'].includes(key)) refuse(`Invalid parameter '${key}'`);
  }
  const name = list.get('name') ?? '';
  const path = list.get('file');
  const text = list.get('string');
  if (name === '') refuse("Parameter 'name' is missing");
  if (!FILE_NAME.test(name)) {
    refuse(`'${name}' is no name of a file; use 1 to 55 printable ASCII characters`);
  }
  if ((path === undefined) === (text === undefined)) {
    return refuse("give either 'file' or 'string'");
  }
  return { name, source: path !== undefined ? { path } : { text: text! } };
}
