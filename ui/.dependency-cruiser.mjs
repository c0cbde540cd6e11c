// The layers of src/: a folder imports from itself and from lower layers only. Texts and styles are used by all layers
// and import nothing, so that no layer can come in through them.

const LAYERS = ["api", "state", "components", "views"];
const LEAVES = ["texts", "style"];

export default {
  forbidden: [
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-unresolved-imports",
      comment: "An import that is not found cannot be checked.",
      severity: "error",
      from: { path: "^src/" },
      to: { couldNotResolve: true },
    },
    ...LAYERS.map((layer, index) => ({
      name: `${layer}-imports-lower-layers-only`,
      severity: "error",
      from: { path: `^src/${layer}/` },
      to: { path: "^src/", pathNot: `^src/(${[...LAYERS.slice(0, index + 1), ...LEAVES].join("|")})/` },
    })),
    {
      name: "leaves-import-nothing",
      severity: "error",
      from: { path: `^src/(${LEAVES.join("|")})/` },
      to: { path: "^src/", pathNot: "^src/$1/" },
    },
    {
      name: "views-do-not-import-each-other",
      comment: "What two views share belongs to components or state.",
      severity: "error",
      from: { path: "^src/views/([^/]+)/" },
      to: { path: "^src/views/", pathNot: "^src/views/$1/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    // Imports of types count as well: they tie layers together as others do.
    tsPreCompilationDeps: true,
  },
};
