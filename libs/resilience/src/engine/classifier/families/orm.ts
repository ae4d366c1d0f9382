import { family } from './family.js';

export const PRISMA = family({
  name: 'Prisma',
  shape:
    'a `code` or `errorCode` of `P` and four digits beside `clientVersion`; the `P2` of those that are not listed; else the name. `P2010` and `P2036` are read from what they wrap',
  sources: ['https://www.prisma.io/docs/orm/reference/error-reference'],
  keysOf: (link) => {
    const code = link.text('code') ?? link.text('errorCode');
    if (!link.has('clientVersion')) return undefined;
    if (code === 'P2010' || code === 'P2036') return undefined;
    return code === undefined || !/^P\d{4}$/.test(code) ? [link.name] : [code, code.slice(0, 2)];
  },
  rows: {
    network: 'P1001 P1017 P6008 PrismaClientInitializationError',
    timeout: 'P1002 P1008 P2028 P5014 P6004',
    overloaded: 'P2024 P2037 P6005',
    server_error: 'P2034 P5000 P5006 P6000 PrismaClientRustPanicError',
    rate_limit: 'P5011',
    quota: 'P5007 P5008 P6003',
    auth: 'P1000 P1011 P5009 P6002',
    permission: 'P1010',
    not_found: 'P1003 P2001 P2015 P2018 P2021 P2022 P2025',
    bad_request: 'P2 P1009 P1012 P1013 P1016 P6001 P6009 PrismaClientValidationError',
  },
});

export const ORM = family({
  name: 'Other mappers',
  shape:
    'the `name` of an error of Sequelize, TypeORM, MikroORM, Objection or Mongoose, unless the driver’s error that it holds says more',
  sources: [
    'https://sequelize.org/api/v6/identifiers.html#errors',
    'https://github.com/typeorm/typeorm/tree/master/src/error',
    'https://mikro-orm.io/api/core#ErrorHandling',
    'https://github.com/Vincit/db-errors',
    'https://mongoosejs.com/docs/api/error.html',
  ],
  keysOf: ({ name }) => [name],
  rows: {
    network: `SequelizeConnectionError SequelizeConnectionRefusedError SequelizeHostNotFoundError SequelizeHostNotReachableError
      SequelizeInvalidConnectionError ConnectionException ConnectionIsNotSetError`,
    timeout: 'SequelizeConnectionTimedOutError SequelizeTimeoutError LockWaitTimeoutException',
    overloaded: 'SequelizeConnectionAcquireTimeoutError MongooseServerSelectionError',
    server_error: 'DeadlockException',
    auth: 'SequelizeAccessDeniedError',
    not_found: 'EntityNotFoundError SequelizeEmptyResultError DocumentNotFoundError TableNotFoundException',
    bad_request: `SequelizeUniqueConstraintError SequelizeForeignKeyConstraintError SequelizeExclusionConstraintError
      SequelizeValidationError UniqueConstraintViolationException ForeignKeyConstraintViolationException
      NotNullConstraintViolationException CheckConstraintViolationException SyntaxErrorException InvalidFieldNameException
      UniqueViolationError ForeignKeyViolationError NotNullViolationError CheckViolationError ConstraintViolationError CastError
      VersionError StrictModeError`,
  },
});
