/**
 * @param milliseconds how long to wait
 * @returns whether `promise` settled within the time; what it settled with doesn't matter
 */
export async function settlesWithin(
  promise: Promise<unknown>,
  milliseconds: number,
): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  const outcome = await Promise.race([settled, expired]);
  clearTimeout(timer);
  return outcome;
}
