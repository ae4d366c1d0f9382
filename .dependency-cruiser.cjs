/**
 * The room rules: which folder may import which. `npm run rooms` enforces them.
 *
 *   engine <- capabilities <- policy <- nest <- health, metrics, events, admin, telemetry       (inside libs/resilience)
 *   core <- llm, workflow;  core, workflow's types <- store-sql;  core, llm, workflow <- cluster;  all of them <- src (by name only)
 *
 * Specs may import whatever their own package has; a package's sources may not import specs, test/ or bench/.
 */
const ROOMS = [
  'engine',
  'policy',
  'nest',
  'health',
  'metrics',
  'events',
  'admin',
  'telemetry',
  'cli',
  'kit',
  'testing',
];
const CORE = '^libs/resilience/src/';
const SPEC = '\\.(e2e-|fault-|cluster-)?spec\\.ts$';
/** Every folder of the core that is no room of its own is a capability (retry, timeout, ...); $1 is its name. */
const CAPABILITY = `${CORE}(?!(?:${ROOMS.join('|')})/)([^/]+)/`;
const OPTIONAL_ROOMS = ['health', 'metrics', 'events', 'admin', 'telemetry'];
/** A type-only import leaves no trace at run time, so it cannot make a room load what it must not load. */
const TYPES_ONLY = ['type-only', 'pre-compilation-only'];

const within = (room) => `${CORE}${room}/`;

/** Between packages: what `folder` may not reach, although npm would resolve it. */
const packageKnowsNot = (folder, others, comment, more = {}) => ({
  name: `package-${folder}-knows-not-${others.join('-')}`,
  comment,
  severity: 'error',
  from: { path: `^libs/${folder}/(src|bench)/`, pathNot: SPEC },
  to: { path: `^(libs/(${others.join('|')})|src|test|bench)/`, ...more },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'engine-stands-alone',
      comment: 'The engine knows neither Nest nor any capability: only node:*, rxjs and ms.',
      severity: 'error',
      from: { path: within('engine'), pathNot: SPEC },
      to: {
        pathNot: [within('engine'), '^node:', '(^|/)node_modules/(rxjs|ms|@types/(ms|node))/'],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'capabilities-never-each-other',
      comment: 'Combining capabilities is the work of policy/; a capability imports engine and its own folder.',
      severity: 'error',
      from: { path: CAPABILITY, pathNot: SPEC },
      to: { path: CORE, pathNot: [within('engine'), within('nest'), `${CORE}$1/`] },
    },
    {
      name: 'only-decorators-use-nest',
      comment: 'Inside a capability only x.decorator.ts may import nest/, the one seam to Nest.',
      severity: 'error',
      from: { path: CAPABILITY, pathNot: [SPEC, '\\.decorator\\.ts$'] },
      to: { path: within('nest') },
    },
    {
      name: 'policy-composes-engine-and-capabilities',
      comment: 'policy/ builds one pipeline from the capabilities; it knows neither Nest nor the optional rooms.',
      severity: 'error',
      from: { path: within('policy'), pathNot: SPEC },
      to: { path: [CORE, '(^|/)node_modules/@nestjs/'], pathNot: [within('engine'), within('policy'), CAPABILITY] },
    },
    {
      name: 'policy-uses-no-decorator',
      comment: 'A decorator file pulls Nest in; policy/ takes operators, policies, options and errors.',
      severity: 'error',
      from: { path: within('policy'), pathNot: SPEC },
      to: { path: `${CORE}[^/]+/[^/]+\\.decorator\\.ts$` },
    },
    {
      name: 'nest-uses-no-decorator',
      comment: 'Decorators stand on nest/, not the other way round: it would be a cycle through every capability.',
      severity: 'error',
      from: { path: within('nest'), pathNot: SPEC },
      to: { path: `${CORE}(?!nest/)[^/]+/[^/]+\\.decorator\\.ts$` },
    },
    {
      name: 'nest-knows-no-optional-room',
      comment:
        'health, metrics, events, admin and telemetry are optional: nest/ may not even name their types. ' +
        'A dynamic import that may fail is the one way to use what an application has installed.',
      severity: 'error',
      from: { path: within('nest'), pathNot: SPEC },
      to: { path: within(`(${OPTIONAL_ROOMS.join('|')})`), dependencyTypesNot: ['dynamic-import'] },
    },
    {
      name: 'optional-rooms-stand-apart',
      comment: 'health, metrics, events, admin and telemetry import engine, nest/ and capabilities: never each other.',
      severity: 'error',
      from: { path: within(`(${OPTIONAL_ROOMS.join('|')})`), pathNot: SPEC },
      to: { path: CORE, pathNot: [within('engine'), within('nest'), CAPABILITY, `${CORE}$1/`] },
    },
    {
      name: 'kit-loads-no-nest',
      comment:
        'The sibling packages share it, and the program is one of them: it starts at once, far from any application.',
      severity: 'error',
      from: { path: within('kit'), pathNot: SPEC },
      to: {
        reachable: true,
        path: '(^|/)node_modules/(@nestjs|rxjs|reflect-metadata|prom-client|@opentelemetry)/',
      },
    },
    {
      name: 'cli-speaks-http-only',
      comment: 'It loads node:*, and of the core only the kit. Types cost nothing.',
      severity: 'error',
      from: { path: '^libs/cli/src/', pathNot: SPEC },
      to: {
        pathNot: ['^libs/cli/src/', '^node:', '(^|/)node_modules/@types/node/', within('kit')],
        dependencyTypesNot: ['core', ...TYPES_ONLY],
      },
    },
    {
      name: 'testing-is-for-tests',
      comment: 'FakeClock and friends are for specs, test/ and bench/: nothing that ships may import them.',
      severity: 'error',
      from: { path: '^(libs/[^/]+/src|src)/', pathNot: [SPEC, '^libs/[^/]+/src/testing/'] },
      to: { path: within('testing') },
    },
    {
      name: 'root-entry-loads-no-optional-peer',
      comment: 'Each optional room is its own subpath export; the root entry must run without its peer installed.',
      severity: 'error',
      from: { path: `${CORE}index\\.ts$` },
      to: { path: within(`(${[...OPTIONAL_ROOMS, 'testing'].join('|')})`) },
    },
    packageKnowsNot(
      'resilience',
      ['store-sql', 'llm', 'workflow', 'cli', 'cluster', 'dashboard'],
      'The core knows no other package.',
    ),
    packageKnowsNot(
      'llm',
      ['store-sql', 'workflow', 'cluster', 'dashboard'],
      'llm implements seams of the core, and knows only the core.',
    ),
    packageKnowsNot(
      'workflow',
      ['store-sql', 'llm', 'cluster', 'dashboard'],
      'workflow declares seams; stores and models come from outside.',
    ),
    packageKnowsNot('store-sql', ['llm', 'cluster', 'dashboard'], 'store-sql implements stores of core and workflow.'),
    packageKnowsNot(
      'cluster',
      ['store-sql', 'cli', 'dashboard'],
      'cluster implements seams of core, llm and workflow.',
    ),
    packageKnowsNot(
      'store-sql',
      ['workflow'],
      'workflow is an optional peer of store-sql: its types, never its code.',
      {
        path: '^libs/workflow/',
        dependencyTypesNot: TYPES_ONLY,
      },
    ),
    {
      name: 'packages-by-name',
      comment:
        'A relative path may not leave its package: import @nest-resilience/x, as a user would. ' +
        'The service is no package, so its own suite takes it by path.',
      severity: 'error',
      from: { path: '^(libs/[^/]+|src|test|bench|examples)/', pathNot: '^test/service[^/]*\\.e2e-spec\\.ts$' },
      to: {
        path: '^(libs/[^/]+|src|test|bench|examples)/',
        pathNot: '^$1/',
        dependencyTypes: ['local'],
        dependencyTypesNot: ['aliased-workspace'],
      },
    },
    {
      name: 'no-cycle',
      comment: 'ES modules with decorator metadata break on a cycle: "Cannot access X before initialization".',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: TYPES_ONLY } },
    },
    {
      name: 'no-orphan',
      comment: 'A file that nothing imports and that starts nothing is dead.',
      severity: 'error',
      from: { orphan: true, path: '^(libs/[^/]+/src|src)/', pathNot: [SPEC, '\\.d\\.ts$', '(^|/)(index|main)\\.ts$'] },
      to: {},
    },
    {
      name: 'not-to-unresolvable',
      comment:
        'The import leads nowhere: a typo, a missing dependency, or a deep path that the package does not export.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'not-to-spec',
      comment: "A spec is nobody's library: move what is shared to test/ or testing/.",
      severity: 'error',
      from: {},
      to: { path: SPEC },
    },
    {
      name: 'not-to-tests-or-bench',
      comment: 'What ships may not import what does not.',
      severity: 'error',
      from: { path: '^(libs/[^/]+/src|src)/', pathNot: SPEC },
      to: { path: ['^libs/[^/]+/(test|bench)/', '^(test|bench|examples)/'] },
    },
    {
      name: 'not-to-dev-dependency',
      comment: 'What ships must list what it loads under dependencies or peerDependencies.',
      severity: 'error',
      from: { path: '^(libs/[^/]+/src|src)/', pathNot: SPEC },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: TYPES_ONLY, pathNot: '(^|/)node_modules/@types/' },
    },
    {
      name: 'listed-in-package-json',
      comment: 'The nearest package.json does not list this package: it only resolves because of hoisting.',
      severity: 'error',
      from: { path: '^(libs/[^/]+/src|src)/', pathNot: SPEC },
      // An optional peer is reported as both npm-peer and npm-no-pkg.
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'no-deprecated-node-module',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['core'], path: '^(node:)?(punycode|domain|constants|sys|_linklist|_stream_wrap)$' },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules'] },
    exclude: { path: ['^libs/[^/]+/dist/', '^dist/', '^coverage/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    // Without it `import type` and imports that only name types would be invisible to the rules above.
    tsPreCompilationDeps: 'specify',
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      // The private condition leads a package's name to its sources, so no build is needed.
      conditionNames: ['nest-resilience-source', 'import', 'node', 'types', 'default'],
      mainFields: ['module', 'main', 'types'],
      extensions: ['.ts', '.mts', '.js', '.mjs', '.cjs', '.d.ts', '.json'],
    },
    skipAnalysisNotInRules: true,
    reporterOptions: { text: { highlightFocused: true } },
  },
};
