import { expect } from 'chai';
import { accessKeyOf, type SignedRequest, type SigV4Expectation, verifySigV4 } from '../../fakes/sigv4.ts';
import { signAws } from '../../support/aws-signer.ts';

// From the test suite that AWS published for Signature Version 4.
const SUITE: SigV4Expectation = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  ...{ region: 'us-east-1', service: 'service', nowMs: Date.parse('2015-08-30T12:36:00Z') },
};

const suiteRequest = (path: string, signature: string): SignedRequest => ({
  ...{ method: 'GET', path },
  rawHeaders: [
    ['Host', 'example.amazonaws.com'],
    ['X-Amz-Date', '20150830T123600Z'],
    [
      'Authorization',
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`,
    ],
  ],
});

const BEDROCK: SigV4Expectation = {
  ...{ accessKeyId: 'AKIAFAKE', secretAccessKey: 'secret/with+signs', sessionToken: 'token//of==a session' },
  ...{ region: 'eu-west-1', service: 'bedrock' },
};

const ARN_PATH = `/model/${encodeURIComponent('arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abc')}/converse`;

const BODY = '{"messages":[]}';

type Change = {
  readonly path?: string;
  readonly date?: Date;
  readonly region?: string;
  readonly service?: string;
  readonly key?: Partial<SigV4Expectation>;
};

async function signed(change: Change = {}): Promise<SignedRequest> {
  const path = change.path ?? ARN_PATH;
  const headers = await signAws(
    {
      ...{ method: 'POST', host: 'bedrock.test:8443', path, body: BODY },
      headers: { 'content-type': 'application/json' },
    },
    { ...BEDROCK, ...change.key },
    {
      ...{ region: change.region ?? BEDROCK.region, service: change.service ?? BEDROCK.service },
      ...(change.date === undefined ? {} : { date: change.date }),
    },
  );
  return { method: 'POST', path, rawHeaders: Object.entries(headers) };
}

const without = (request: SignedRequest, name: string): SignedRequest => ({
  ...request,
  rawHeaders: request.rawHeaders.filter(([key]) => key.toLowerCase() !== name),
});

const withHeader = (request: SignedRequest, name: string, value: string): SignedRequest => ({
  ...request,
  rawHeaders: [...without(request, name).rawHeaders, [name, value]],
});

const check = (request: SignedRequest, body = BODY, known = BEDROCK) => verifySigV4(request, Buffer.from(body), known);

describe('check of AWS signatures', () => {
  it("accepts AWS's own examples", () => {
    const vanilla = suiteRequest('/', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31');
    const query = '/?Param2=value2&Param1=value1';
    const sorted = suiteRequest(query, 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500');
    expect(verifySigV4(vanilla, Buffer.alloc(0), SUITE)).to.equal(undefined);
    expect(verifySigV4(sorted, Buffer.alloc(0), SUITE)).to.equal(undefined);
    expect(verifySigV4({ ...vanilla, path: '/x' }, Buffer.alloc(0), SUITE)?.type).to.equal('InvalidSignatureException');
  });

  it("accepts what AWS's SDK signs: encoded paths, queries, session tokens, over HTTP/2", async () => {
    expect(check(await signed())).to.equal(undefined);
    expect(check(await signed({ path: '/model/amazon.nova-pro-v1%3A0/converse?b=2&a=x%20y' }))).to.equal(undefined);
    const request = await signed();
    const authority = request.rawHeaders.map(
      ([name, value]) => [name === 'host' ? ':authority' : name, value] as const,
    );
    expect(check({ ...request, rawHeaders: authority })).to.equal(undefined);
    expect(accessKeyOf(request)).to.equal('AKIAFAKE');
    expect(accessKeyOf(without(request, 'authorization'))).to.equal(undefined);
  });

  const minutes = (count: number): Date => new Date(Date.now() + count * 60_000);

  const refusals: [string, () => Promise<ReturnType<typeof check>>, string, string][] = [
    [
      'no signature',
      async () => check(without(await signed(), 'authorization')),
      'MissingAuthenticationTokenException',
      'Missing Authentication Token',
    ],
    [
      'another scheme',
      async () => check(withHeader(await signed(), 'authorization', 'Bearer sk-openai')),
      'IncompleteSignatureException',
      "Unsupported AWS 'algorithm': 'Bearer'",
    ],
    [
      'half a header',
      async () => check(withHeader(await signed(), 'authorization', 'AWS4-HMAC-SHA256 Signature=00')),
      'IncompleteSignatureException',
      "requires 'Credential'",
    ],
    ['another body', async () => check(await signed(), '{}'), 'InvalidSignatureException', 'does not match'],
    [
      'another method',
      async () => check({ ...(await signed()), method: 'GET' }),
      'InvalidSignatureException',
      'does not match',
    ],
    [
      'a path changed on the way',
      async () => check({ ...(await signed()), path: ARN_PATH.replace('%2F', '/') }),
      'InvalidSignatureException',
      'does not match',
    ],
    [
      'a signed header changed on the way',
      async () => check(withHeader(await signed(), 'content-type', 'text/plain')),
      'InvalidSignatureException',
      'does not match',
    ],
    [
      'another secret',
      async () => check(await signed({ key: { secretAccessKey: 'wrong' } })),
      'InvalidSignatureException',
      'does not match',
    ],
    [
      'another key',
      async () => check(await signed({ key: { accessKeyId: 'AKIAOTHER' } })),
      'UnrecognizedClientException',
      'security token included in the request is invalid',
    ],
    [
      'another session',
      async () => check(await signed({ key: { sessionToken: 'old' } })),
      'UnrecognizedClientException',
      'invalid',
    ],
    [
      'an expired session',
      async () => check(await signed(), BODY, { ...BEDROCK, expiresAtMs: Date.now() - 1 }),
      'ExpiredTokenException',
      'expired',
    ],
    [
      'another region',
      async () => check(await signed({ region: 'us-east-1' })),
      'InvalidSignatureException',
      'scoped to a valid region',
    ],
    [
      'another service',
      async () => check(await signed({ service: 'bedrock-runtime' })),
      'InvalidSignatureException',
      "scoped to correct service: 'bedrock'",
    ],
    [
      'an old date',
      async () => check(await signed({ date: minutes(-6) })),
      'InvalidSignatureException',
      'Signature expired',
    ],
    [
      'a date to come',
      async () => check(await signed({ date: minutes(6) })),
      'InvalidSignatureException',
      'Signature not yet current',
    ],
    [
      'no date',
      async () => check(without(await signed(), 'x-amz-date')),
      'IncompleteSignatureException',
      "'X-Amz-Date' or a 'Date'",
    ],
    [
      'a header of AWS that is not signed',
      async () => check(withHeader(await signed(), 'x-amz-target', 'x')),
      'InvalidSignatureException',
      "'x-amz-target' must be a 'SignedHeader'",
    ],
    [
      'a host that is not signed',
      async () => {
        const request = await signed();
        const header = new Map(request.rawHeaders).get('authorization') ?? '';
        return check(withHeader(request, 'authorization', header.replace('host;', '')));
      },
      'InvalidSignatureException',
      "'Host' or ':authority'",
    ],
    [
      'the hash of another body',
      async () => check(withHeader(await signed(), 'x-amz-content-sha256', 'UNSIGNED-PAYLOAD')),
      'InvalidSignatureException',
      'does not match',
    ],
  ];
  for (const [what, send, type, message] of refusals) {
    it(`refuses ${what} as AWS does`, async () => {
      const problem = await send();
      expect(problem?.status).to.equal(403);
      expect(problem?.type).to.equal(type);
      expect(problem?.message).to.contain(message);
    });
  }
});
