import { connect } from 'node:net';

/** An answer as its bytes say it. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/**
 * Sends bytes on a connection of its own, and returns all answers that come until the peer closes or falls silent.
 * `Host` and the like are the caller's: nothing is added.
 */
export async function sendRaw(port: number, text: string | Buffer, quietMs = 400): Promise<RawAnswer[]> {
  const received = await new Promise<string>((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    const end = (): void => {
      socket.destroy();
      resolve(Buffer.concat(pieces).toString('latin1'));
    };
    socket.setTimeout(quietMs, end);
    socket.on('data', (piece) => {
      pieces.push(piece);
      if (isLast(parseAnswers(Buffer.concat(pieces).toString('latin1')).at(-1))) end();
    });
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', (error) => (pieces.length > 0 ? end() : reject(error)));
  });
  return parseAnswers(received);
}

/** A whole answer after which the peer closes; Envoy takes its time to do so. */
function isLast(answer: RawAnswer | undefined): boolean {
  const length = /\r\ncontent-length: (\d+)/i.exec(answer?.head ?? '')?.[1];
  return length !== undefined && answer?.body.length === Number(length) && /\r\nconnection: close/i.test(answer.head);
}

function parseAnswers(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = text; rest.startsWith('HTTP/1.1 '); ) {
    const end = rest.indexOf('\r\n\r\n');
    const head = rest.slice(0, end);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    const body = length === undefined ? rest.slice(end + 4) : rest.slice(end + 4, end + 4 + Number(length));
    answers.push({ status: Number(head.slice(9, 12)), head, body });
    rest = rest.slice(end + 4 + body.length);
  }
  return answers;
}
