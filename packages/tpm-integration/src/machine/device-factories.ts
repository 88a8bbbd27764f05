import type { GuestMemory, IrqLine, TpmBackend, TpmFrontEnd, TraceHook } from 'tpm-core';
import { CRB_BASE_ADDRESS, CrbDevice } from 'tpm-crb';
import { PPI_ADDRESS } from 'tpm-fwcfg-ppi/ppi';
import { TIS_BASE_ADDRESS, TisDevice } from 'tpm-tis';
import type { DeviceDefinition, DeviceModel, MachineFamily } from '../description.js';
import { MachineError } from './error.js';

/** The interrupt lines of a machine, by number. */
export interface InterruptLines {
  /** @param pin number of the line at the machine's interrupt controller */
  line(pin: number): IrqLine;
}

/** What a factory gets to build a device from. */
export interface DeviceContext {
  readonly definition: DeviceDefinition;
  readonly family: MachineFamily;
  readonly backend: TpmBackend;
  readonly pins: InterruptLines;
  /** Guest memory, for a device that accesses it on its own. */
  readonly memory: GuestMemory;
  readonly trace: TraceHook | undefined;
}

/** A device and its place in the machine. */
export interface PluggedDevice {
  readonly device: TpmFrontEnd;
  /** Physical address of its registers. */
  readonly address: number;
  /** Physical address of the memory of the physical presence interface, when it has one. */
  readonly ppiAddress?: number;
  /** Memory in the device that counts as guest memory: a memory overwrite clears it too. */
  readonly guestMemory?: Uint8Array;
}

/** Builds a device of one model. @throws TpmdevError when the machine has no place for it */
export type DeviceFactory = (context: DeviceContext) => PluggedDevice;

/** QEMU: the first device on the platform bus of `virt` is here and has this shared interrupt. */
const PLATFORM_BUS = { address: 0x0c00_0000, interrupt: 112 } as const;

function traced(trace: TraceHook | undefined): { trace?: TraceHook } {
  return trace === undefined ? {} : { trace };
}

function refuse({ definition, family }: DeviceContext, families: string): never {
  throw new MachineError(
    `Device "${definition.model}" has no place in machine "${family}"; use machine ${families}`,
  );
}

function ppiOf(definition: DeviceDefinition): { ppiAddress?: number } {
  return definition.ppi ? { ppiAddress: PPI_ADDRESS } : {};
}

function plugTis(context: DeviceContext): PluggedDevice {
  const { definition, family, backend, pins, trace } = context;
  if (family !== 'pc' && family !== 'q35') refuse(context, '"pc" or "q35"');
  const device = new TisDevice({
    backend,
    irq: pins.line(definition.irq),
    irqNumber: definition.irq,
    variant: 'isa',
    ...traced(trace),
  });
  return { device, address: TIS_BASE_ADDRESS, ...ppiOf(definition) };
}

function plugTisSysbus(context: DeviceContext): PluggedDevice {
  const { definition, family, backend, pins, trace } = context;
  if (family !== 'virt') refuse(context, '"virt"');
  const device = new TisDevice({
    backend,
    irq: pins.line(PLATFORM_BUS.interrupt),
    irqNumber: definition.irq,
    variant: 'sysbus',
    ...traced(trace),
  });
  return { device, address: PLATFORM_BUS.address };
}

function plugCrb(context: DeviceContext): PluggedDevice {
  const { definition, family, backend, trace } = context;
  if (family !== 'pc' && family !== 'q35') refuse(context, '"pc" or "q35"');
  const device = new CrbDevice({
    backend,
    variant: 'pc',
    chunking: definition.chunking === true,
    ...traced(trace),
  });
  return {
    device,
    address: CRB_BASE_ADDRESS,
    guestMemory: device.dataBuffer,
    ...ppiOf(definition),
  };
}

/** The models that can be plugged in, and how. */
export const deviceFactories: ReadonlyMap<DeviceModel, DeviceFactory> = new Map<
  DeviceModel,
  DeviceFactory
>([
  ['tpm-crb', plugCrb],
  ['tpm-tis', plugTis],
  ['tpm-tis-device', plugTisSysbus],
]);
