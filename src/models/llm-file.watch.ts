import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { redactText, ResilienceService } from '@nest-resilience/core';
import { LlmConnectivityChecker, type LlmModuleOptions, LlmService } from '@nest-resilience/llm';
import { DirectoryWatch } from '@nest-resilience/workflow';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

export const WATCHED_LLM_FILE = Symbol('watched LLM_FILE');

/** A file of models that may change. */
export interface WatchedLlmFile {
  readonly name: string;
  /** @throws ConfigurationError when it cannot work */
  read(): {
    readonly options: LlmModuleOptions;
    /** The same error with the places in the file. */
    readonly inFile: (error: unknown) => unknown;
  };
}

/** Takes a changed `LLM_FILE` in use; one that cannot work changes nothing, and the log says why. */
@Injectable()
export class LlmFileWatch implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Resilience:Models');
  private watch: DirectoryWatch | undefined;
  /** What was read last, also when it could not be used. */
  private text = '';

  constructor(
    @Inject(WATCHED_LLM_FILE) private readonly file: WatchedLlmFile,
    @Inject(LlmService) private readonly llm: LlmService,
    @Inject(LlmConnectivityChecker) private readonly checker: LlmConnectivityChecker,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
  ) {}

  onApplicationBootstrap(): void {
    const { name } = this.file;
    this.text = this.content() ?? '';
    // The directory: editors and Kubernetes put another file in the place of this one.
    this.watch = new DirectoryWatch(
      [dirname(name)],
      this.resilience.clock,
      () => this.reload(),
      (directory, error) => this.logger.warn(`Changes in ${directory} are not seen: ${(error as Error).message}`),
    );
  }

  onModuleDestroy(): void {
    this.watch?.close();
  }

  private reload(): void {
    const text = this.content();
    if (text === this.text) return;
    this.text = text ?? '';
    try {
      const { options, inFile } = this.file.read();
      try {
        this.llm.reconfigure(options);
      } catch (error) {
        throw inFile(error);
      }
    } catch (error) {
      this.logger.error(`Models stay as they were: ${redactText((error as Error).message)}`);
      return;
    }
    const names = this.llm.targets().map(({ provider, model }) => `${provider}:${model}`);
    this.logger.log(`Models of ${this.file.name} are in use: ${names.join(', ')}`);
    if (this.llm.options.health.enabled) void this.checker.run();
  }

  private content(): string | undefined {
    try {
      return readFileSync(this.file.name, 'utf8');
    } catch {
      return undefined;
    }
  }
}
