/* The part of the public API that shows the megakernel's own loop. */
#include <string.h>

#include <vyre/session.h>

#include "megakernel/loop.h"

vyre_status_t vyre_megakernel_print(const char *topology, char **out_text) {
  vyre_loop_params_t params = {.topology = VYRE_TOPOLOGY_DIRECT, .sleeps = true};
  if (topology && strcmp(topology, "dispatched") == 0)
    params = (vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DISPATCHED};
  else if (topology && strcmp(topology, "direct") != 0)
    return vyre_status_with_fix(vyre_status_make(VYRE_E_ARGUMENT, "no topology '%s'", topology),
                                "Choose direct or dispatched.");
  vyre_program_t *loop = NULL;
  VYRE_TRY(vyre_megakernel_build(&params, &loop));
  vyre_status_t status = vyre_program_print(loop, out_text);
  vyre_program_destroy(&loop);
  return status;
}
