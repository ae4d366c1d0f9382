/** Injection token of the checked options of `LlmModule`. */
export const LLM_OPTIONS = Symbol('nest-resilience:llm-options');
