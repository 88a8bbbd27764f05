// A program in the place of a machine's firmware that makes the same access again and again, and
// tells of each lap by a write to an I/O port.

/** What the guest does in its loop. */
export type GuestAccess =
  /** Nothing but an access to its own memory, to be compared with. */
  'memory read' | 'memory write' | 'status read' | 'data write';

export const ACCESS_PROGRAM = {
  /** Passes of the loop in a lap. */
  count: 500_000,
  /** The port that is written to after each lap. */
  port: 0xe9,
} as const;

const BIOS_SIZE = 0x1_0000;
const BIOS_ADDRESS = 0xf_0000;
const RESET_VECTOR = 0xfff0;
const GDT = 0x0100;
const GDT_POINTER = 0x0140;
const PROTECTED_MODE = 0x0080;
const MEMORY = 0x1000;
const CODE_SEGMENT = 0x08;
const DATA_SEGMENT = 0x10;

/** Registers of the TPM: what is written first to own it, what is read, where data goes. */
const REGISTERS = {
  'tpm-tis': { own: 0xfed4_0000, request: 0x02, status: 0xfed4_0018, data: MEMORY },
  'tpm-crb': { own: 0xfed4_0008, request: 0x01, status: 0xfed4_0044, data: 0xfed4_0080 },
} as const;

const bytes16 = (value: number) => [value & 0xff, (value >>> 8) & 0xff];
const bytes32 = (value: number) => [...bytes16(value), ...bytes16(value >>> 16)];

/** Real mode: enters protected mode with flat segments. */
const ENTER = [
  0xfa, // cli
  ...[0x2e, 0x66, 0x0f, 0x01, 0x16, ...bytes16(GDT_POINTER)], // lgdt cs:[GDT_POINTER]
  ...[0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0], // cr0 |= 1
  ...[0x66, 0xea, ...bytes32(BIOS_ADDRESS + PROTECTED_MODE), ...bytes16(CODE_SEGMENT)], // jmp far
];

/** Null, code and data segment of 4 GiB (Intel SDM volume 3, section 3.4.5). */
const SEGMENTS = [
  ...[0, 0, 0, 0, 0, 0, 0, 0],
  ...[0xff, 0xff, 0, 0, 0, 0x9a, 0xcf, 0],
  ...[0xff, 0xff, 0, 0, 0, 0x92, 0xcf, 0],
];

function loop(access: GuestAccess, model: keyof typeof REGISTERS): number[] {
  const { own, request, status, data } = REGISTERS[model];
  const isRead = access === 'memory read' || access === 'status read';
  const address = access === 'status read' ? status : access === 'data write' ? data : MEMORY;
  const instruction = [isRead ? 0x8b : 0x89, 0x03]; // mov eax,[ebx] or back
  return [
    ...[0x66, 0xb8, ...bytes16(DATA_SEGMENT), 0x8e, 0xd8], // ds = data segment
    ...[0xc6, 0x05, ...bytes32(own), request], // mov byte [own],request
    ...[0xbb, ...bytes32(address)], // mov ebx,address
    ...[0xb9, ...bytes32(ACCESS_PROGRAM.count)], // lap: mov ecx,count
    ...instruction, // pass:
    ...[0x49, 0x75, -3 - instruction.length + 0x100], // dec ecx; jnz pass
    ...[0xe6, ACCESS_PROGRAM.port], // out port,al
    ...[0xeb, -2 - 2 - 3 - instruction.length - 5 + 0x100], // jmp lap
  ];
}

/** @returns an image of 64 KiB for a PC's reset vector */
export function accessProgram(
  access: GuestAccess,
  model: keyof typeof REGISTERS,
): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(BIOS_SIZE);
  image.set(ENTER, 0);
  image.set(loop(access, model), PROTECTED_MODE);
  image.set(SEGMENTS, GDT);
  image.set([...bytes16(SEGMENTS.length - 1), ...bytes32(BIOS_ADDRESS + GDT)], GDT_POINTER);
  image.set([0xea, ...bytes16(0), ...bytes16(BIOS_ADDRESS >>> 4)], RESET_VECTOR); // jmp F000:0000
  return image;
}
