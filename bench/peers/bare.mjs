/** The method that everybody protects: it answers at once, so that only the protection is timed. */
export class Bare {
  async get(id) {
    return id;
  }
}

/** No protection. */
export function bare() {
  const service = new Bare();
  return { name: 'bare async', call: (id) => service.get(id) };
}

/** The least that any wrapper written with async and await costs. */
export function wrapped() {
  const service = new Bare();
  const wrapper = async (id) => await service.get(id);
  return { name: 'async x => await f(x)', call: (id) => wrapper(id) };
}
