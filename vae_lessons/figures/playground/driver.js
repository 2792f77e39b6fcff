// The engine, asked from the page: in a Worker, or without one in the page itself, a slice at a time.

/** @typedef {import("../engine/worker.js").Request} Request */

const SLICE = { worker: 14, page: 7 }; // ms of training between two answers

/**
 * Start the engine. ask(request) resolves to its answer; `milliseconds` is how long one should train for.
 * @param {string} source the text of engine/worker.js, joined with what it imports
 */
export function startEngine(source) {
  const worker = inWorker(source);
  const port = worker ?? inPage(source);
  /** @type {Map<number, { resolve: (answer: any) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  let asked = 0;
  port.onmessage = ({ data }) => {
    const { resolve, reject } = /** @type {any} */ (waiting.get(data.id));
    waiting.delete(data.id);
    if (data.error) reject(new Error(data.error));
    else resolve(data);
  };
  if (worker) {
    worker.onerror = ({ message }) => waiting.forEach(({ reject }) => reject(new Error(message)));
  }
  return {
    milliseconds: worker ? SLICE.worker : SLICE.page,
    ask(/** @type {Omit<Request, "id">} */ request) {
      return new Promise((resolve, reject) => {
        asked++;
        waiting.set(asked, { resolve, reject });
        port.postMessage({ ...request, id: asked });
      });
    },
    stop: () => worker?.terminate(),
  };
}

// A classic Worker from a Blob is what a page from a file can have.
function inWorker(source) {
  try {
    return new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  } catch {
    return null;
  }
}

// The same program with a `self` of its own.
function inPage(source) {
  /** @type {{ onmessage: (event: { data: any }) => void, postMessage: (request: any) => void }} */
  const port = { onmessage: () => {}, postMessage: () => {} };
  const self = { onmessage: (/** @type {any} */ _) => {}, postMessage: data => setTimeout(() => port.onmessage({ data })) };
  new Function("self", source)(self);
  port.postMessage = data => setTimeout(() => self.onmessage({ data }));
  return port;
}
