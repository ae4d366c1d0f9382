// Another process that writes into the same file, one small transaction after the other.
import { createRequire } from 'node:module';

const [file, count] = process.argv.slice(2);
const node = process.getBuiltinModule?.('node:sqlite');
const Database = node ? node.DatabaseSync : createRequire(import.meta.url)('libsql');
const database = new Database(file);
database.prepare('pragma busy_timeout = 5000').all();
database.exec('create table if not exists noise (n integer)');
const insert = database.prepare('insert into noise (n) values (?)');
for (let n = 0; n < Number(count); n++) insert.run(n);
database.close();
