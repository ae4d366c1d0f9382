/** What a load balancer is to clients: any replica that answers will do. */
import { pause, ServiceClient } from './client.mjs';

const TRIES = 40;
const AGAIN_MS = 250;

export class DoorClient {
  #urls;
  #token;
  #turn = 0;

  /** @param {{ urls: () => string[], token: string }} door the replicas that are there now */
  constructor({ urls, token }) {
    this.#urls = urls;
    this.#token = token;
  }

  submit(workflow, input, idempotencyKey) {
    return this.#ask((replica) => replica.submit(workflow, input, idempotencyKey));
  }

  execution(id) {
    return this.#ask((replica) => replica.execution(id));
  }

  ended(id, withinMs) {
    return this.#ask((replica) => replica.ended(id, withinMs));
  }

  circuits() {
    return this.#ask((replica) => replica.circuits());
  }

  openDeadLetters() {
    return this.#ask((replica) => replica.openDeadLetters());
  }

  redriveAll() {
    return this.#ask((replica) => replica.redriveAll());
  }

  cluster() {
    return this.#ask((replica) => replica.cluster());
  }

  /** One that was killed in the middle of an answer, or is about to go, is asked no more: the next one is. */
  async #ask(question) {
    for (let attempt = 1; ; attempt++) {
      const urls = this.#urls();
      const url = urls[this.#turn++ % urls.length];
      try {
        return await question(new ServiceClient({ url, token: this.#token }));
      } catch (error) {
        if (attempt === TRIES) throw error;
        await pause(AGAIN_MS);
      }
    }
  }
}
