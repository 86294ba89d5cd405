// The public HTTP API, as far as the console asks it. Paths are relative to where this file came
// from, so that any prefix of a proxy works.

export const root = new URL("../../", import.meta.url);
export const at = (path, query = {}) => {
  const url = new URL(`v1/${path}`, root);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url.href;
};

/** What the server, or the line to it, says no with. `code` is stable. */
export class Problem extends Error {
  constructor(code, detail, more = {}) {
    super(detail);
    Object.assign(this, more, { code, detail });
  }
}

let signIn = () => Promise.reject(new Problem("unauthorized", "sign in first"));
/** Says who asks people for a token; it is asked at the first 401, once for all that wait. */
export const onUnauthorized = (ask) => {
  signIn = ask;
};

/**
 * Asks. `body` is sent as JSON unless it is a Blob or FormData.
 * @returns {Promise<Response>} an answer that is good
 */
export async function ask(method, path, { query, body, headers, signal, quiet } = {}) {
  const plain = body === undefined || body instanceof Blob || body instanceof FormData;
  const init = {
    method,
    signal,
    credentials: "same-origin",
    cache: "no-store",
    headers: { ...(plain ? {} : { "content-type": "application/json" }), ...headers },
    body: plain ? body : JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(/^[a-z]+:/.test(path) ? path : at(path, query), init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("offline", "The server does not answer.", {
      fix: "It is tried again by itself once the server is back.",
    });
  }
  if (answer.ok) return answer;
  if (answer.status === 401 && !quiet) {
    await signIn();
    return ask(method, path, { query, body, headers, signal, quiet: true });
  }
  throw await problem(answer);
}

export async function problem(answer) {
  const said = await answer.json().catch(() => ({}));
  const code = said.code ?? `http_${answer.status}`;
  return new Problem(code, said.detail ?? answer.statusText, { ...said, status: answer.status });
}

const json = async (answer) => (await answer).json();
export const load = (path, query, signal) => json(ask("GET", path, { query, signal }));
export const send = (path, body, options) => json(ask("POST", path, { body, ...options }));

/** Runs, and again a few times while the server has its hands full. */
export async function unlessBusy(run, signal) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      if (error.code !== "busy" || tries > 5) throw error;
      await new Promise((done) => setTimeout(done, 200 * (tries + 1)));
      signal?.throwIfAborted();
    }
  }
}

export const part = (text) => encodeURIComponent(text);
export const batchPath = (batch, rest = "") => `batches/${part(batch)}${rest}`;
export const jobPath = (job, rest = "") => `jobs/${part(job.batch)}/${part(job.id)}${rest}`;

/** Whether a route of this server is there at all: an older one has not all of them. */
export const isMissing = (error) => error?.status === 404 || error?.status === 405 || error?.code === "not_here";
