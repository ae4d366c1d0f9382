import { Controller, type Type, VERSION_NEUTRAL } from '@nestjs/common';

/**
 * A class of its own for a module: guards, paths and descriptions stand on classes, and another application in this process may want
 * others.
 * @param path in place of the controller's
 */
export function ownController<T>(type: Type<T>, path?: string): Type<T> {
  const own = { [type.name]: class extends (type as Type) {} }[type.name] as Type<T>;
  if (path !== undefined) Controller({ path, version: VERSION_NEUTRAL })(own);
  return own;
}
