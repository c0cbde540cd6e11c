// Deletes, restores and changes model files. Deleted ones stay in the server's trash for a while.

import { api, ApiError, post, unwrap, type Schemas } from "../../api/client";
import { fetchModels } from "../../state/models";
import { attempt, showToast } from "../../state/toasts";
import { t } from "../../texts";

type File = Schemas["FoundFile"];

/** The path of a model in the API. */
export const toPath = ({ type, name }: File): { model_type: File["type"]; model_name: string } => ({
  model_type: type,
  model_name: name,
});

/** Do something to a model. While it is loaded or a job needs it the server refuses; then the user decides. */
async function withForce<T>(work: (force: boolean) => Promise<T>): Promise<T | null> {
  try {
    return await work(false);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error;
    return window.confirm(t.model.force(error.message)) ? work(true) : null;
  }
}

/** Change a model. Returns it as it is then; null where the user thought better of it. */
export async function changeModel(
  model: File,
  change: Partial<Schemas["ModelChange"]>,
): Promise<Schemas["ChangedModel"] | null> {
  const changed = await withForce((force) =>
    unwrap(
      api.PATCH("/models/{model_type}/{model_name}", {
        params: { path: toPath(model) },
        body: { ...change, force },
      }),
    ),
  );
  for (const warning of changed?.warnings ?? []) showToast(warning);
  return changed;
}

/** Move a model to the trash; a toast offers to restore it. Returns whether it is there. */
export async function deleteModel(model: File): Promise<boolean> {
  let deleted: Schemas["ModelDeleted"] | null = null;
  await attempt(async () => {
    deleted = await withForce((force) =>
      unwrap(
        api.DELETE("/models/{model_type}/{model_name}", {
          params: { path: toPath(model), query: { force } },
        }),
      ),
    );
    if (deleted) tellDeleted(deleted);
    await fetchModels();
  });
  return deleted !== null;
}

function tellDeleted({ name, trash_id: id, warnings }: Schemas["ModelDeleted"]): void {
  if (!id) return showToast(t.model.gone(name), "done", warnings?.join("\n"));
  const restore = { label: t.model.restore, run: () => void restoreModels([id]) };
  showToast(t.model.deleted(name), "done", warnings?.join("\n"), restore);
}

/** Bring models back from the trash. */
export const restoreModels = (ids: string[]): Promise<boolean> =>
  attempt(async () => {
    const { warnings } = await post<Schemas["ModelsRestored"]>("models/trash/restore", { ids });
    for (const warning of warnings ?? []) showToast(warning);
    await fetchModels();
  });
