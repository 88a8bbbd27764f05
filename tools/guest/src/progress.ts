import { SingleBar } from 'cli-progress';

/** What `prepareGuest` tells while it works. */
export type GuestProgress =
  /** A step begins. */
  | { readonly type: 'step'; readonly text: string }
  /** Bytes that have arrived, of all that this run needs; the first event comes with `received` 0. */
  | {
      readonly type: 'download';
      readonly received: number;
      readonly total: number;
      readonly packages: number;
    };

/** Shows progress to a person. */
export interface ProgressDisplay {
  readonly onProgress: (event: GuestProgress) => void;
  /** Leaves the terminal clean; call it in any case. */
  end(): void;
}

/** How a number of bytes is written, such as `52.3 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A bar on a terminal, or else a line per step and per quarter of the download. */
export function progressDisplay(
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean } = process.stderr,
): ProgressDisplay {
  return stream.isTTY === true ? barDisplay(stream) : lineDisplay(stream);
}

function barDisplay(stream: NodeJS.WritableStream): ProgressDisplay {
  let bar: SingleBar | undefined;
  const end = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    end,
    onProgress(event) {
      if (event.type === 'step') {
        end();
        stream.write(`${event.text}\n`);
        return;
      }
      const values = { shown: megabytes(event.received), all: megabytes(event.total) };
      if (bar === undefined) {
        bar = new SingleBar({
          stream,
          format: '  [{bar}] {percentage} %  {shown} of {all}',
          barCompleteChar: '#',
          barIncompleteChar: '.',
          hideCursor: false,
          gracefulExit: false,
        });
        bar.start(event.total, event.received, values);
      } else {
        bar.update(event.received, values);
      }
    },
  };
}

function lineDisplay(stream: NodeJS.WritableStream): ProgressDisplay {
  let quarter = -1;
  return {
    end() {},
    onProgress(event) {
      if (event.type === 'step') {
        quarter = -1;
        stream.write(`${event.text}\n`);
        return;
      }
      const reached = event.total === 0 ? 4 : Math.floor((event.received * 4) / event.total);
      if (reached <= quarter) return;
      quarter = reached;
      stream.write(`  ${megabytes(event.received)} of ${megabytes(event.total)}\n`);
    },
  };
}
