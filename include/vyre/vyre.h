/* vyre/vyre.h: everything. */
#ifndef VYRE_H
#define VYRE_H

#include <vyre/bench.h>
#include <vyre/buffer.h>
#include <vyre/doctor.h>
#include <vyre/program.h>
#include <vyre/session.h>
#include <vyre/status.h>
#include <vyre/stream.h>

#define VYRE_VERSION "0.1.0"

#endif
