/** A workflow and a token for suites that start the service and talk to it. */
export const TOKEN = 'a-token-for-the-tests';
export const WORKFLOW = [
  'name: greet',
  'input: { type: object, required: [name], properties: { name: { type: string } } }',
  'nodes:',
  '  hello: { transform: "Hello {{ input.name }}" }',
  '  shout: { after: hello, transform: $uppercase(hello) }',
].join('\n');
