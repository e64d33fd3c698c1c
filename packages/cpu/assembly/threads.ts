/**
 * Work shared between threads: one module instance each over one memory. A kernel writes its arguments into a record,
 * publishes a task function with a number of tasks, works on tasks itself, and waits until all are done.
 *
 * `tickets` counts tasks not yet taken, downwards; taking one that was positive gives the task's number, so a thread that
 * comes late can neither repeat a task nor take one of a job whose arguments are not written. Threads poll for a bounded
 * time before they sleep. Without threads (no shared memory) tasks run one after the other.
 */

/** The control record: below all static data (the build's --memoryBase). */
const tickets: usize = 1024;
const done: usize = 1088;
const signal: usize = 1152;
const sleepers: usize = 1156;
const callerSleeps: usize = 1160;
const stopped: usize = 1164;
const job: usize = 1216;
const record: usize = 1280;

/** Polls before a thread sleeps: some tens of microseconds. */
const polls: i32 = 20000;

let threads: i32 = 1;
let index: i32 = 0;

/** How many threads share the work, the caller included. Called once, before any kernel. */
export function setThreads(count: i32): void {
  threads = count;
}

@inline
export function threadCount(): i32 {
  return threads;
}

/** This thread's number: 0 is the caller's. */
@inline
export function threadIndex(): i32 {
  return index;
}

/** Writes argument `place` of the next job. */
@inline
export function pass(place: usize, value: i32): void {
  store<i32>(record + (place << 2), value);
}

@inline
export function passFloat(place: usize, value: f32): void {
  store<f32>(record + (place << 2), value);
}

@inline
export function argument(place: usize): i32 {
  return load<i32>(record + (place << 2));
}

@inline
export function floatArgument(place: usize): f32 {
  return load<f32>(record + (place << 2));
}

/**
 * Runs task(count − 1) … task(0), each once, on any thread, and returns when all are done. They are begun in this order, so a
 * task may wait for what one of a higher number does (`awaitTurn`).
 */
export function runTasks(task: (task: i32) => void, count: i32): void {
  if (ASC_FEATURE_THREADS) {
    if (threads > 1 && count > 1) {
      shareTasks(task, count);
      return;
    }
  }
  for (let t = count - 1; t >= 0; t -= 1) task(t);
}

function shareTasks(task: (task: i32) => void, count: i32): void {
  store<u32>(job, <u32>changetype<usize>(task));
  atomic.store<i32>(done, 0);
  atomic.store<i32>(tickets, count);
  atomic.add<i32>(signal, 1);
  if (atomic.load<i32>(sleepers) > 0) atomic.notify(signal, min(threads - 1, count - 1));
  takeTasks();
  for (let poll = 0; poll < polls; poll += 1) {
    if (atomic.load<i32>(done) == count) return;
  }
  atomic.store<i32>(callerSleeps, 1);
  for (let finished = atomic.load<i32>(done); finished != count; finished = atomic.load<i32>(done)) {
    atomic.wait<i32>(done, finished, -1);
  }
  atomic.store<i32>(callerSleeps, 0);
}

/** Works on the present job until no task is left to take. */
function takeTasks(): void {
  while (atomic.load<i32>(tickets) > 0) {
    const ticket = atomic.sub<i32>(tickets, 1);
    if (ticket <= 0) return;
    const task = changetype<(task: i32) => void>(<usize>load<u32>(job));
    task(ticket - 1);
    atomic.add<i32>(done, 1);
    if (atomic.load<i32>(callerSleeps) != 0) atomic.notify(done, 1);
  }
}

/** Waits until the number at `counter` is `turn`. */
export function awaitTurn(counter: usize, turn: i32): void {
  if (ASC_FEATURE_THREADS) {
    for (let poll = 0; poll < polls; poll += 1) {
      if (atomic.load<i32>(counter) == turn) return;
    }
    for (let at = atomic.load<i32>(counter); at != turn; at = atomic.load<i32>(counter)) {
      atomic.wait<i32>(counter, at, -1);
    }
  }
}

/** Makes the number at `counter` `turn`, for those who wait for it. */
export function giveTurn(counter: usize, turn: i32): void {
  if (ASC_FEATURE_THREADS) {
    atomic.store<i32>(counter, turn);
    atomic.notify(counter, -1);
  }
}

/** What a thread other than the caller's runs until `stopThreads`. */
export function threadMain(number: i32): void {
  if (ASC_FEATURE_THREADS) {
    index = number;
    while (atomic.load<i32>(stopped) == 0) {
      const seen = atomic.load<i32>(signal);
      let poll = 0;
      while (poll < polls && atomic.load<i32>(tickets) <= 0 && atomic.load<i32>(stopped) == 0) poll += 1;
      if (poll == polls) {
        atomic.add<i32>(sleepers, 1);
        if (atomic.load<i32>(tickets) <= 0) atomic.wait<i32>(signal, seen, -1);
        atomic.sub<i32>(sleepers, 1);
      }
      takeTasks();
    }
  }
}

/** Lets the other threads return. */
export function stopThreads(): void {
  if (ASC_FEATURE_THREADS) {
    atomic.store<i32>(stopped, 1);
    atomic.add<i32>(signal, 1);
    atomic.notify(signal, -1);
  }
}
