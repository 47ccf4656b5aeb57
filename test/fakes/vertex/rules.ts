/** What Gemini refuses in a conversation beyond the form of the message. Source: Vertex AI reference and its errors. */
import { asObject } from '../fields.ts';
import { isSignature } from '../signatures.ts';
import { invalid } from './errors.ts';

type Json = Readonly<Record<string, unknown>>;

interface Content {
  readonly role?: string;
  readonly parts: readonly Json[];
}

const UNABLE = 'Unable to submit request because';
const DATA = [
  ...['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse', 'executableCode', 'codeExecutionResult'],
];

/** Refuses what the model would. Shape: `body` fits the shape. Errors: throws `Refusal`. */
export function requireConversation(body: Json, model: string): void {
  const contents = ((body.contents ?? []) as readonly Json[]).map(contentOf);
  if (contents.length === 0) throw invalid(`${UNABLE} at least one contents field is required.`);
  contents.forEach(requireContent);
  const system = asObject(body.systemInstruction);
  if (system !== undefined) requireContent(contentOf(system), -1);
  requireCalls(contents);
  requireSignatures(contents, model);
  requireTools(body, model);
  requireGeneration(asObject(body.generationConfig) ?? {}, model);
}

function contentOf({ role, parts }: Json): Content {
  return { ...(role === undefined ? {} : { role: String(role) }), parts: (parts ?? []) as readonly Json[] };
}

function requireContent({ role, parts }: Content, index: number): void {
  if (index >= 0 && role !== undefined && role !== 'user' && role !== 'model') {
    throw invalid('Please use a valid role: user, model.');
  }
  if (parts.length === 0) {
    throw invalid(`${UNABLE} it must include at least one parts field, which describes the prompt input.`);
  }
  for (const part of parts) {
    const given = DATA.filter((key) => part[key] !== undefined && part[key] !== null);
    if (given.length !== 1)
      throw invalid(`${UNABLE} one of the parts must have exactly one field of data, not ${given.length}.`);
    if (part.text === '' && part.thoughtSignature === undefined) {
      throw invalid(`${UNABLE} it has an empty text parameter. Add a value to the parameter and try again.`);
    }
    if (part.functionCall !== undefined && role !== 'model')
      throw invalid('Function calls may only be in turns of the model.');
    if (part.functionResponse !== undefined && role === 'model') {
      throw invalid('Function responses may not be in turns of the model.');
    }
    const media = asObject(part.inlineData) ?? asObject(part.fileData);
    if (media !== undefined && !media.mimeType) {
      throw invalid(`${UNABLE} it has a mimeType parameter with value , which is not supported.`);
    }
  }
}

/** A turn with calls is answered at once, by as many responses and under the same names. */
function requireCalls(contents: readonly Content[]): void {
  for (const [index, { parts }] of contents.entries()) {
    const calls = namesOf(contents[index - 1]?.parts ?? [], 'functionCall');
    const responses = namesOf(parts, 'functionResponse');
    if (responses.length > 0 && calls.length === 0) {
      throw invalid('Please ensure that function response turn comes immediately after a function call turn.');
    }
    if (calls.length !== responses.length) {
      throw invalid(
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      );
    }
    // Without ids they belong together by their places.
    const other = responses.findIndex((name, place) => name !== calls[place]);
    if (other >= 0) throw invalid(`The function response '${responses[other]}' answers the call of '${calls[other]}'.`);
  }
}

function namesOf(parts: readonly Json[], key: string): string[] {
  return parts.flatMap((part) => (part[key] === undefined ? [] : [String(asObject(part[key])?.name)]));
}

/** Words that stand in for a signature of another model. */
const STAND_INS = ['skip_thought_signature_validator', 'context_engineering_is_the_way_to_go'];

function requireSignatures(contents: readonly Content[], model: string): void {
  const lastAsked = contents.findLastIndex(
    ({ role, parts }) => role !== 'model' && parts.some(({ text }) => text !== undefined),
  );
  for (const [index, { parts }] of contents.entries()) {
    const signed = parts.map(({ thoughtSignature }) => thoughtSignature).filter((one) => one !== undefined);
    const forged = signed.find((one) => !STAND_INS.includes(String(one)) && !isSignature(String(one)));
    if (forged !== undefined) throw invalid('Corrupted thought signature.');
    const first = parts.find(({ functionCall }) => functionCall !== undefined);
    const isRequired = /^gemini-3/.test(model) && index > lastAsked && first !== undefined;
    if (isRequired && first.thoughtSignature === undefined) {
      const name = String(asObject(first.functionCall)?.name);
      throw invalid(
        `${UNABLE} function call \`${name}\` in the ${index + 1}. content block is missing a \`thought_signature\`.`,
      );
    }
  }
}

const NAME = /^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$/;

function requireTools(body: Json, model: string): void {
  const tools = (body.tools ?? []) as readonly Json[];
  const functions = tools.flatMap((tool) => (tool.functionDeclarations ?? []) as readonly Json[]);
  for (const tool of tools) if (Object.keys(tool).length === 0) throw invalid(`${UNABLE} a tool has no tool type.`);
  const others = tools.some((tool) => Object.keys(tool).some((key) => key !== 'functionDeclarations'));
  if (functions.length > 0 && others && !/^gemini-3/.test(model)) {
    throw invalid('Multiple tools are supported only when they are all search tools.');
  }
  for (const declaration of functions) requireFunction(declaration);
  const names = functions.map(({ name }) => String(name));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`Duplicate function declaration found: ${twice}`);
  const config = asObject(asObject(body.toolConfig)?.functionCallingConfig);
  if (config === undefined) return;
  if (functions.length === 0) throw invalid('Function calling config is set without function_declarations.');
  const allowed = (config.allowedFunctionNames ?? []) as readonly string[];
  if (allowed.length > 0 && config.mode !== 'ANY' && config.mode !== 'VALIDATED') {
    throw invalid(`${UNABLE} allowed_function_names is only supported with the mode ANY.`);
  }
  const unknown = allowed.find((name) => !names.includes(name));
  if (unknown !== undefined) throw invalid(`${UNABLE} allowed_function_names holds ${unknown}, which is not declared.`);
}

function requireFunction({ name, parameters, parametersJsonSchema }: Json): void {
  if (!NAME.test(String(name ?? ''))) {
    throw invalid(
      'Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.) or dashes (-), with a maximum length of 64.',
    );
  }
  if (parameters !== undefined && parametersJsonSchema !== undefined) {
    throw invalid(
      `${UNABLE} the function declaration \`${String(name)}\` has both parameters and parameters_json_schema.`,
    );
  }
  const schema = asObject(parameters);
  if (schema === undefined) return;
  if (schema.type !== 'OBJECT') {
    throw invalid(`${UNABLE} \`${String(name)}\` functionDeclaration parameters schema should be of type OBJECT.`);
  }
  requireSchema(schema, `functionDeclaration \`${String(name)}\` schema`);
}

function requireSchema(schema: Json, where: string): void {
  if (schema.type === 'OBJECT' && Object.keys(asObject(schema.properties) ?? {}).length === 0) {
    throw invalid(`${UNABLE} ${where} of type OBJECT should have non-empty properties.`);
  }
  if (schema.type === 'ARRAY' && schema.items === undefined)
    throw invalid(`${UNABLE} ${where} of type ARRAY lacks items.`);
  if (schema.type === undefined && schema.anyOf === undefined)
    throw invalid(`${UNABLE} ${where} didn't specify the schema type field.`);
  const properties = asObject(schema.properties) ?? {};
  for (const [key, value] of Object.entries(properties))
    requireSchema(asObject(value) ?? {}, `${where} property \`${key}\``);
  const missing = ((schema.required ?? []) as readonly string[]).find((key) => !Object.hasOwn(properties, key));
  if (missing !== undefined)
    throw invalid(`${UNABLE} ${where} requires \`${missing}\`, which is not one of its properties.`);
}

const RANGES: readonly (readonly [field: string, min: number, max: number])[] = [
  ['temperature', 0, 2],
  ['topP', 0, 1],
  ['candidateCount', 1, 8],
  ['maxOutputTokens', 1, 65_536],
  ['presencePenalty', -2, 1.999_999],
  ['frequencyPenalty', -2, 1.999_999],
  ['logprobs', 1, 20],
];

function requireGeneration(config: Json, model: string): void {
  for (const [field, min, max] of RANGES) {
    const value = config[field];
    if (typeof value === 'number' && (value < min || value > max)) {
      const range = `the supported range is from ${min} (inclusive) to ${max} (inclusive)`;
      throw invalid(`${UNABLE} it has a ${field} value of ${value} but ${range}. Update the value and try again.`);
    }
  }
  const stops = (config.stopSequences ?? []) as readonly string[];
  if (stops.length > 5) throw invalid(`${UNABLE} it has ${stops.length} stop sequences but the maximum is 5.`);
  if (config.logprobs !== undefined && config.responseLogprobs !== true) {
    throw invalid(`${UNABLE} logprobs is set but response_logprobs is not true.`);
  }
  const schemas = [config.responseSchema, config.responseJsonSchema].filter((schema) => schema !== undefined);
  if (schemas.length > 1) throw invalid(`${UNABLE} it has both a response schema and a response JSON schema.`);
  const type = config.responseMimeType;
  if (schemas.length > 0 && type !== 'application/json' && type !== 'text/x.enum') {
    throw invalid(`${UNABLE} controlled generation needs the response MIME type application/json or text/x.enum.`);
  }
  requireThinking(asObject(config.thinkingConfig), model);
}

/** Budgets that a model takes; 0 switches thinking off where it is in the range, -1 leaves it to the model. */
const BUDGETS: readonly (readonly [pattern: RegExp, min: number, max: number, canDisable: boolean])[] = [
  [/^gemini-2\.5-pro/, 128, 32_768, false],
  [/^gemini-2\.5-flash-lite/, 512, 24_576, true],
  [/^gemini-2\.5/, 1, 24_576, true],
  [/^gemini-3/, 0, 65_536, true],
];

function requireThinking(thinking: Json | undefined, model: string): void {
  if (thinking === undefined) return;
  const known = BUDGETS.find(([pattern]) => pattern.test(model));
  if (known === undefined) throw invalid(`${UNABLE} thinking is not supported by this model.`);
  const { thinkingBudget: budget, thinkingLevel: level } = thinking;
  if (budget !== undefined && level !== undefined) {
    throw invalid('You can only set only one of thinking budget and thinking level.');
  }
  if (level !== undefined && !/^gemini-3/.test(model)) throw invalid('Thinking level is not supported for this model.');
  const [, min, max, canDisable] = known;
  if (typeof budget !== 'number' || budget === -1 || (budget === 0 && canDisable)) return;
  if (budget < min || budget > max) {
    throw invalid(`The thinking budget ${budget} is invalid. Please choose a value between ${min} and ${max}.`);
  }
}
