/* The part of the public API that shows the megakernel's own loop. */
#include <vyre/session.h>

#include "megakernel/loop.h"

vyre_status_t vyre_megakernel_print(char **out_text) {
  vyre_program_t *loop = NULL;
  VYRE_TRY(vyre_megakernel_build_direct(&loop));
  vyre_status_t status = vyre_program_print(loop, out_text);
  vyre_program_release(loop);
  return status;
}
