/* SPDX-License-Identifier: MIT */
#include "tests/model/doomed.h"

#include <weft/task.h>

#include "tests/model/explorer.h"

void model_doomed_open(struct model_doomed *d)
{
    d->scope = weft_scope_open(0);
    A_STORE(&d->there, 1, release);
}

void model_doomed_close(struct model_doomed *d)
{
    while (A_LOAD(&d->there, acquire) != 2) {
        (void)weft_yield();
        model_spin();
    }
    (void)weft_scope_close(d->scope, 0);
}

bool model_doomed_is_open(struct model_doomed *d)
{
    return A_LOAD(&d->there, acquire) != 0;
}

void model_doom(void *doomed)
{
    struct model_doomed *d = doomed;

    while (!model_doomed_is_open(d))
        model_spin();
    model_pause();
    MODEL_CHECK(weft_scope_cancel(d->scope) == 0);
    A_STORE(&d->there, 2, release);
}
