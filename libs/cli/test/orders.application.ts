import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { type INestApplication, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DeadLetter, DeadLetterService, MemoryDeadLetterStore, ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';

export const TOKEN = 'correct-horse-battery';

@Injectable()
export class Orders {
  /** Ids that cannot be charged. */
  readonly down = new Set<string>();
  readonly charged: string[] = [];

  @DeadLetter({ queue: 'orders', maxRedrives: 2 })
  charge(order: { id: string; at?: Date }): Promise<void> {
    if (this.down.has(order.id)) return Promise.reject(new TypeError(`bank is down for ${order.id}`));
    this.charged.push(order.id);
    return Promise.resolve();
  }

  @DeadLetter({ queue: 'mails', redact: ['[0].address'] })
  confirm(_mail: { address: string }): Promise<void> {
    return Promise.reject(new RangeError('mailbox \u001b[2Jfull'));
  }
}

export interface OrdersApplication {
  readonly app: INestApplication<Server>;
  readonly orders: Orders;
  readonly deadLetters: DeadLetterService;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** Dead letters of `charge`, oldest first. Charging them works again unless it is made to fail. */
  fail(...ids: string[]): Promise<string[]>;
}

/** A real application with its admin routes on a port of its own. */
export async function startOrders(options: { token?: string } = { token: TOKEN }): Promise<OrdersApplication> {
  @Module({
    imports: [
      ResilienceModule.forRoot({ deadLetter: { store: new MemoryDeadLetterStore() } }),
      AdminModule.forRoot({ token: options.token }),
    ],
    providers: [Orders],
  })
  class OrdersModule {}

  const app = await NestFactory.create<INestApplication<Server>>(OrdersModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  const orders = app.get(Orders);
  const fail = async (...ids: string[]) => {
    const stored: string[] = [];
    for (const id of ids) {
      orders.down.add(id);
      const error: unknown = await orders.charge({ id, at: new Date(5) }).catch((thrown: unknown) => thrown);
      stored.push((error as { deadLetterId: string }).deadLetterId);
      orders.down.delete(id);
    }
    return stored;
  };
  const env = { NEST_RESILIENCE_URL: url, NEST_RESILIENCE_TOKEN: `${TOKEN}\n` };
  return { app, orders, deadLetters: app.get(DeadLetterService), url, env, fail };
}
