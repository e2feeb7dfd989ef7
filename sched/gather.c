/* SPDX-License-Identifier: MIT */
#include <weft/combine.h>
#include <weft/error.h>
#include <weft/group.h>

/* A child whose code is kept, so that it fails nobody. */
struct member {
    weft_fn fn;
    void *arg;
    int *code;
};

_Static_assert(sizeof(struct member) <= WEFT_COPY_MAX, "a member is copied into its task");

static int run_member(void *arg)
{
    const struct member *m = arg;

    *m->code = m->fn(m->arg);
    return 0;
}

/* The first error in order. Cancellations are none where it was the group that was cancelled; NULL holds none. */
static int first_in_order(const int *codes, size_t n, bool canceled)
{
    for (size_t i = 0; codes != NULL && i < n; i++)
        if (codes[i] < 0 && !(canceled && codes[i] == WEFT_ECANCELED))
            return codes[i];
    return 0;
}

int weft_gather(size_t n, const weft_fn *fns, void *const *args, int *codes)
{
    weft_group *g = weft_group_open(NULL);
    int rc, error;

    for (size_t i = 0; i < n; i++) {
        void *arg = args != NULL ? args[i] : NULL;
        struct member m = {fns[i], arg, codes != NULL ? &codes[i] : NULL};

        if (codes == NULL)
            (void)weft_spawn(g, fns[i], arg); /* a failure fails the group */
        else if ((rc = weft_spawn_copy(g, run_member, &m, sizeof m, NULL)) < 0)
            codes[i] = rc;
    }
    rc = weft_group_wait(g);
    error = first_in_order(codes, n, weft_group_canceled(g) || rc == WEFT_ECANCELED);
    weft_group_close(g);
    return error != 0 ? error : rc;
}
