// Recipes as people edit them, and the text that stands for them. What an operation may have comes
// from the server's own table, so nothing here knows a single one, but how to convert only.

/**
 * @typedef {{key: number, name: string, values: Record<string, string>}} Use an operation or an
 *   encoding with what was typed, right or wrong
 * @typedef {{name: string, chain: Use[], format: Use | null}} Output
 * @typedef {{outputs: Output[]}} Draft
 */

let keys = 0;
export const use = (name, values = {}) => ({ key: ++keys, name, values });
export const entry = (rows, name) => rows.find((row) => row.name === name || row.aliases.includes(name));

/** What a recipe needs to make nothing but another format. */
const NOTHING = "rotate:0";

/** Why a value cannot be; null if it can. Nothing typed means the default. */
export function wrong(parameter, text = "") {
  const { schema, allowed } = parameter;
  if (text === "") return parameter.required ? `is needed: ${allowed}` : null;
  if (schema.enum) return schema.enum.includes(text) ? null : `is ${allowed}`;
  if (schema.type === "boolean") return text === "true" || text === "false" ? null : `is ${allowed}`;
  if (schema.type !== "string") {
    const n = Number(text);
    const fits = Number.isFinite(n) && n >= schema.minimum && n <= schema.maximum;
    const whole = schema.type !== "integer" || Number.isInteger(n);
    if (fits && whole && (!schema.not || n % 2 !== 0)) return null;
    const kind = schema.not ? "an odd number" : schema.type === "integer" ? "a whole number" : "a number";
    return `is ${kind} from ${schema.minimum} to ${schema.maximum}`;
  }
  if (schema.format === "color")
    return /^(#[0-9a-f]{6}([0-9a-f]{2})?|black|white|gray|red|green|blue|yellow|transparent)$/i.test(text)
      ? null
      : `is ${allowed}`;
  return null;
}

/** The first thing that is wrong with a draft: where and why; null if all is well. */
export function firstWrong(draft, tables) {
  for (const [at, output] of draft.outputs.entries()) {
    if (draft.outputs.length > 1 && !/^[A-Za-z0-9_-]{1,32}$/.test(output.name))
      return { output: at, text: "Each output has a name of 1 to 32 letters, digits, _ and -" };
    if (draft.outputs.some((other) => other !== output && other.name === output.name))
      return { output: at, text: `Two outputs are called ${output.name}` };
    for (const [used, rows] of [
      ...output.chain.map((one) => [one, tables.operations]),
      ...(output.format ? [[output.format, tables.encodings]] : []),
    ]) {
      const row = entry(rows, used.name);
      if (!row) return { output: at, use: used.key, text: `There is no ${used.name} on this server` };
      for (const parameter of row.parameters) {
        const why = wrong(parameter, used.values[parameter.name]);
        if (why)
          return {
            output: at,
            use: used.key,
            parameter: parameter.name,
            text: `${title(row.name)}: ${parameter.name} ${why}`,
          };
      }
      if (row.name === "resize" && !used.values.width && !used.values.height)
        return { output: at, use: used.key, parameter: "width", text: "Resize needs a width or a height" };
    }
  }
  return null;
}

export const title = (name) => {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
};

/** The text form. */
export function toText(draft, tables) {
  const outputs = draft.outputs.map((output) => {
    const chain = output.chain.map((one) => printed(one, tables.operations)).join(" | ") || NOTHING;
    const format = output.format ? ` -> ${printed(output.format, tables.encodings)}` : "";
    return draft.outputs.length > 1 ? `${output.name} = ${chain}${format}` : chain + format;
  });
  return outputs.join("; ");
}

function printed(one, rows) {
  const row = entry(rows, one.name);
  const given = (row?.parameters ?? []).filter((parameter) => {
    const value = one.values[parameter.name];
    return value !== undefined && value !== "" && (parameter.required || String(parameter.default) !== value);
  });
  const texts = given.map((parameter) => {
    const value = quoted(one.values[parameter.name], parameter);
    return parameter === row.parameters[0] ? value : `${parameter.name}=${value}`;
  });
  return texts.length ? `${one.name}:${texts.join(",")}` : one.name;
}

const quoted = (text, { schema }) =>
  schema.type === "string" && !schema.enum && !/^[\w./#-]+$/.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : text;

/** A draft of the JSON form that the server gives. */
export function fromJson(json) {
  const outputs = json.outputs.map((output) => {
    const chain = output.operations.map((one) => used(one, "operation"));
    const nothing = chain.length === 1 && chain[0].name === "rotate" && chain[0].values.angle === "0";
    return {
      name: output.name ?? "main",
      chain: nothing ? [] : chain,
      format: output.encoding ? used(output.encoding, "format") : null,
    };
  });
  return { outputs };
}

function used(one, selector) {
  if (typeof one === "string") return use(one);
  const values = Object.entries(one).filter(([name, value]) => name !== selector && value !== null);
  return use(one[selector], Object.fromEntries(values.map(([name, value]) => [name, String(value)])));
}
