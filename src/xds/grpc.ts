/** The calls of xDS as gRPC carries them: conversations, and answers that each follow from one request. */
import type { Socket } from 'node:net';
import { GatewayError } from '../lib/errors.ts';
import type { Caller, DuplexAnswers, Method, Receiver } from '../lib/http2/streams.ts';
import type { Transport } from './transport.ts';
import { encodeNonce } from './wire.ts';

/** A call with messages in both directions. */
export interface Call extends Transport {
  readonly socket: Socket;
}

/** What becomes of a call. */
export interface CallHandler {
  /** Must not throw. */
  message(bytes: Buffer): void;
  /** Called when the client has ended its side or the call is over. */
  closed(): void;
}

/** Answers that each follow from one request. Errors: GatewayError. */
export type AnswerStatus = (request: Buffer, caller: Caller) => Buffer;

const EMPTY = Buffer.alloc(0);

/** For the log. */
export function peerAddress({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''}:${remotePort ?? ''}`;
}

class StreamCall implements Call {
  readonly socket: Socket;
  private readonly answers: DuplexAnswers;

  constructor(answers: DuplexAnswers, socket: Socket) {
    this.answers = answers;
    this.socket = socket;
  }

  get peer(): string {
    return peerAddress(this.socket);
  }

  get idle(): boolean {
    return this.answers.blockedSince() === undefined;
  }

  get blockedSince(): number | undefined {
    return this.answers.blockedSince();
  }

  send(body: Buffer, nonce: string): void {
    // Fields of a message may come in any order.
    this.answers.send(encodeNonce(nonce), body);
  }

  fail(error: GatewayError): void {
    this.answers.fail(error);
  }

  cut(error: GatewayError): void {
    this.answers.fail(error);
    // The status waits behind what is not read.
    this.answers.cut();
  }
}

/** A conversation. */
export function conversation(accept: (call: Call) => CallHandler): Method {
  return {
    kind: 'duplex',
    open(answers, { socket }) {
      const handler = accept(new StreamCall(answers, socket));
      return {
        message: (bytes) => handler.message(bytes),
        end() {
          handler.closed();
          answers.end();
        },
        gone: () => handler.closed(),
      };
    },
  };
}

// Requests are small, and a client that reads has none waiting.
const MAX_WAITING = 100;

/** As many answers as there are requests, one at a time: a client that asks and does not read costs one of them. */
export function answersOneByOne(answer: AnswerStatus): Method {
  return { kind: 'duplex', open: (answers, caller) => openAnswers(answer, answers, caller) };
}

function openAnswers(answer: AnswerStatus, answers: DuplexAnswers, caller: Caller): Receiver {
  const requests: Buffer[] = [];
  let isEnding = false;
  const advance = (): void => {
    try {
      for (let request = requests[0]; request !== undefined && !answers.isFull(); request = requests[0]) {
        requests.shift();
        answers.send(EMPTY, answer(request, caller));
      }
    } catch (caught) {
      requests.length = 0;
      answers.fail(GatewayError.from(caught, 'unavailable'));
    }
    if (isEnding && requests.length === 0) answers.end();
  };
  return {
    message(bytes) {
      if (requests.length >= MAX_WAITING) throw new GatewayError('limit_exceeded', 'too many requests at once');
      requests.push(bytes);
      advance();
    },
    end() {
      isEnding = true;
      advance();
    },
    gone() {
      requests.length = 0;
    },
    emptied: advance,
  };
}
