/** One replica of an application that keeps calling a dependency. It says every change of its circuit. */
import { setTimeout as pause } from 'node:timers/promises';
import { ClusterModule } from '@nest-resilience/cluster';
import { CircuitBreaker, ResilienceModule } from '@nest-resilience/core';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const { REPLICA = '', DEPENDENCY = '', REDIS = '', GAP_MS = '20', COMMAND_TIMEOUT = '1s' } = process.env;

@Injectable()
class Client {
  @CircuitBreaker({ name: 'dependency', failureThreshold: 5, recoveryTimeout: '1500ms', halfOpenTimeout: '20s' })
  async ask(): Promise<void> {
    const { status } = await fetch(DEPENDENCY, { headers: { replica: REPLICA } });
    if (status !== 200) throw Object.assign(new Error(`it answered ${status}`), { status });
  }
}

const events = {
  listens: (name: string) => /^resilience\.circuit\.(opened|half-opened|closed)$/.test(name),
  emit: (name: string) => console.log(`circuit ${name.split('.').at(-1)}`),
};

@Module({
  imports: [
    ResilienceModule.forRoot({ events }),
    ...(REDIS === ''
      ? []
      : [ClusterModule.forRoot({ redis: REDIS, replicaId: REPLICA, commandTimeout: COMMAND_TIMEOUT, sweep: '1s' })]),
  ],
  providers: [Client],
})
class Application {}

const application = await NestFactory.createApplicationContext(Application, { logger: ['warn', 'error'] });
const client = application.get(Client);
process.once('SIGTERM', () => void application.close().then(() => process.exit(0)));
console.log('up');
for (;;) {
  await client.ask().catch(() => undefined);
  await pause(Number(GAP_MS));
}
