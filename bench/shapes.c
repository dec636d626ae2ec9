#include "shapes.h"

#include <vyre/program.h>

#include "base/memory.h"
#include "base/strbuf.h"

#define HEAD "program large stream data : u8 output a : u64 sum output b : u32 sum "
#define TABLES HEAD "output h : u64[256] sum output g : u32[1024] sum "
#define SCALARS_8(n)                                                                                               \
  "output o" n "0 : u64 sum output o" n "1 : u64 sum output o" n "2 : u64 sum output o" n "3 : u64 sum output o" n \
  "4 : u64 sum output o" n "5 : u64 sum output o" n "6 : u64 sum output o" n "7 : u64 sum "

#define FLOATS "program large stream data : f32 output a : f32 sum output m : f32 max "
#define LANES "program large workgroup_size 64 stream data : u8 workgroup t : u32[64] output a : u64 sum "

const bench_shape_t bench_shapes[] = {
    {"foreach-row", "foreach loops in a row that count a byte", HEAD, "",
     "foreach i in 0 .. len(data) { if data[i] == u8(@) { a += 1 } }"},
    {"foreach-row-tables", "foreach loops in a row that add to an array", TABLES, "",
     "foreach i in 0 .. len(data) { h[u64(data[i]) ^ u64(@ & 255)] += @ }"},
    {"foreach-row-checked", "foreach loops in a row whose loads and divisions are checked", TABLES, "",
     "foreach i in 1 .. len(data) / @1 { b += u32(data[i * 2] / data[i - 1]) g[u64(data[i]) + @] += 1 }"},
    {"foreach-row-state", "foreach loops in a row with values from outside, scalars between them", HEAD, "",
     "var x@ = 3 foreach i in 0 .. len(data) { a += u64(data[i]) * x@ } x@ += 5 if x@ > 7 { b += u32(x@) }"},
    {"foreach-row-inner", "foreach loops in a row with loops inside", HEAD, "",
     "foreach i in 0 .. len(data) { var x = 0 for k in 0 .. u64(data[i] & 7) { x += k * @ } a += x }"},
    {"straight", "straight-line code outside of loops", HEAD "let v0 = len(data) ", "",
     "let v@ = (v^ * 31 + @) ^ (v^ >> 7) a += v@"},
    {"straight-checked", "straight-line code with checked loads and divisions", HEAD "var x = len(data) ", "a += x",
     "x = (x * 31 + u64(data[x % 1000])) / (x & 15) b += u32(x)"},
    {"straight-tables", "additions to arrays outside of loops", TABLES "var x = len(data) ", "",
     "x = x * 5 + @ h[x & 255] += x g[x & 2047] += u32(x)"},
    {"straight-deep", "deep expressions outside of loops", HEAD "var x = len(data) ", "a += x",
     "x = ((((((((x + 1) * 3) ^ @) - (x >> 3)) * 7) + (x & 255)) ^ (x << 5)) / 3) % 1000003"},
    {"logic", "conditions of && and || with checked loads", HEAD "var x = len(data) ", "a += x",
     "if x > 3 && data[x % 100] == 5 || x < 9 && (data[x & 7] != 2 || x % 5 == 1) { x += @ }"},
    {"body", "one foreach with a long body", HEAD "foreach i in 0 .. len(data) { let v0 = u64(data[i]) ", "}",
     "let v@ = (v^ * 31 + @) ^ (v^ >> 7) a += v@"},
    {"body-checked", "one foreach with checked loads, divisions and ifs",
     TABLES "foreach i in 0 .. len(data) { var x = u64(data[i]) ", "}",
     "x = x * 3 + u64(data[i + @]) / (x & 7) if x > @ { if x & 1 == 0 { b += u32(x) } else { h[x & 255] += x } }"},
    {"body-ifs", "one foreach with ifs that add to outputs", HEAD "foreach i in 0 .. len(data) { let c = data[i] ", "}",
     "if c == u8(@ & 255) { a += @ } else { b += 1 }"},
    {"body-tables", "one foreach with additions to arrays", TABLES "foreach i in 0 .. len(data) { let c = data[i] ",
     "}", "h[u64(c) ^ (@ & 255)] += 1 g[u64(c) + @] += 3"},
    {"body-loads", "one foreach with loads around the element", HEAD "foreach i in 0 .. len(data) { ", "}",
     "a += u64(data[i + @])"},
    {"body-loops", "one foreach with loops inside", HEAD "foreach i in 0 .. len(data) { var x = u64(data[i]) ",
     "a += x }", "for k in 0 .. x & 3 { x += k * @ if x > 1000 { break } } while x > 500 { x /= 2 }"},
    {"for-row", "for loops in a row", HEAD "var x = len(data) ", "a += x",
     "for i in 0 .. x & 15 { x = x * 3 + i + u64(data[i]) }"},
    {"for-nested", "nests of three for loops", TABLES "var x = len(data) ", "a += x",
     "for i in 0 .. 3 { for j in i .. 4 { for k in 0 .. j { x = x * 3 + i + j * k if x & 7 == 1 { continue } h[k] += x "
     "} } }"},
    {"while-row", "while loops in a row", HEAD "var x = len(data) ", "a += x",
     "while x > @ { x = x / 3 + u64(data[x & 3]) / 2 if x == 77 { break } } x += 9000"},
    {"while-nested", "nests of while loops", HEAD "var x = len(data) var y = 0 ", "a += x",
     "while x > @ { x /= 2 while y < x & 7 { y += 1 forever { y += 3 if y > 9 { break } } } y = 0 } x += 9000"},
    {"loop-body", "one for loop with a long body of ifs: a machine of states",
     HEAD "var s = 0 for i in 0 .. len(data) { let c = data[i] ", "a += s }",
     "if s == @ && c > 5 { s += u64(c) b += 1 continue }"},
    {"ifs", "ifs outside of loops", HEAD "var x = len(data) var y = x ", "a += x + y",
     "if x > @ { x = x * 3 + 1 } else { y ^= x b += 1 }"},
    {"ifs-deep", "nests of ten ifs", HEAD "var x = len(data) ", "a += x",
     "if x > 1 { x += 3 if x > 2 { x *= 5 if x > 3 { x ^= 1 if x > 4 { x += @ if x > 5 { x -= 1 if x > 6 { x += 2 "
     "if x > 7 { x *= 3 if x > 8 { x += 1 if x > 9 { x += 4 if x > 10 { b += 1 } } } } } } } } } }"},
    {"variables", "many variables, all of them changed in many places", HEAD, "for k in 0 .. 3 { a += k }",
     "var v@ = len(data) + @ if v@ > 9 { v@ *= 3 } for i in 0 .. 2 { v@ += i } a += v@"},
    {"variables-loop", "many variables that live through one loop of many branches",
     HEAD
     "var z = len(data) "
     "var v0 = z var v1 = z var v2 = z var v3 = z var v4 = z var v5 = z var v6 = z var v7 = z var v8 = z var v9 = z "
     "var w0 = z var w1 = z var w2 = z var w3 = z var w4 = z var w5 = z var w6 = z var w7 = z var w8 = z var w9 = z "
     "for i in 0 .. len(data) { ",
     "a += v0 + v1 + v2 + v3 + v4 + v5 + v6 + v7 + v8 + v9 b += u32(w0 + w1 + w2 + w3 + w4 + w5 + w6 + w7 + w8 + w9) }",
     "if v0 & 3 == 1 { v1 += v2 w3 ^= v4 v5 = w6 + @ v7 -= w8 } else { w9 += v8 v2 *= w1 v4 = w5 w7 += @ v0 += i }"},
    {"outputs", "many outputs, all of them added to in many loops", HEAD SCALARS_8("p") SCALARS_8("q") SCALARS_8("r"),
     "",
     "foreach i in 0 .. len(data) { if data[i] == u8(@) { op0 += 1 op1 += i op2 += 3 oq0 += 1 oq4 += i or7 += 3 } }"},
    {"functions", "calls of a function with branches and a loop",
     HEAD "function f(x : u64, y : u64) : u64 { if x > y { return x * 3 } var z = x for i in 0 .. 4 { z += y * i } "
          "return z ^ y } var x = len(data) ",
     "a += x", "x = f(x, @) b += u32(x)"},
    {"switch", "a loop around switches", HEAD "var s = 0 for i in 0 .. len(data) { ", "a += s }",
     "switch s & 7 { case 1, 2, 3 { s = s * 3 + @ } case 4 { b += @ continue } default { s += u64(data[i]) } }"},
    {"floats", "one foreach of float arithmetic", FLOATS "foreach i in 0 .. len(data) { let v0 = data[i] ", "a += v0 }",
     "let v@ = fma(v^, 1.5, data[i]) - sqrt(abs(v^)) m max= v@"},
    {"float-sums", "foreach loops in a row that add to a sum of floats", FLOATS, "",
     "foreach i in 0 .. len(data) { a += data[i] * f32(@) m max= data[i] }"},
    {"lanes", "code of 64 lanes that do not meet", LANES "var x = u64(lane()) + len(data) ", "a += x",
     "x = (x * 31 + u64(data[x % 1000])) / (x & 15) a += x"},
    {"lanes-meetings", "64 lanes that meet again and again", LANES "var x = lane() ", "a += u64(x)",
     "t[lane()] = x barrier() x += t[63 - lane()] * @ if x & 1 == 0 { a += @ }"},
    {"lanes-uniform", "what 64 lanes share, with barriers in it", LANES "var y = len(data) ", "a += y",
     "y = y * 3 + @ if y > 100 { barrier() y ^= 5 }"},
};
const unsigned bench_shape_count = sizeof bench_shapes / sizeof *bench_shapes;

uint32_t bench_shape_nodes(const vyre_program_t *program) { return program->expr_count - 1 + program->stmt_count - 1; }

static void append_unit(vyre_strbuf_t *text, const char *unit, unsigned number) {
  for (const char *at = unit; *at; at++) {
    bool is_name = at > unit && at[-1] >= '_' && at[-1] <= 'z';
    if (*at == '@')
      vyre_strbuf_printf(text, "%u", number);
    else if (*at == '^' && is_name)
      vyre_strbuf_printf(text, "%u", number - 1);
    else
      vyre_strbuf_append_bytes(text, at, 1);
  }
  vyre_strbuf_append(text, "\n");
}

static vyre_status_t parse_units(const bench_shape_t *shape, uint32_t units, vyre_program_t **out_program) {
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_strbuf_append(&text, shape->begin);
  for (uint32_t i = 1; i <= units; i++) append_unit(&text, shape->unit, i);
  vyre_strbuf_append(&text, shape->end);
  size_t length = text.length;
  char *bytes = vyre_strbuf_take(&text);
  if (!bytes) return vyre_out_of_memory(length);
  vyre_status_t status = vyre_program_parse(bytes, length, shape->name, out_program);
  vyre_free(bytes);
  return status;
}

vyre_status_t bench_shape_make(const bench_shape_t *shape, uint32_t nodes, vyre_program_t **out_program) {
  uint32_t with[2];
  for (unsigned i = 0; i < 2; i++) {
    vyre_program_t *few;
    VYRE_TRY(parse_units(shape, 1 + i, &few));
    with[i] = bench_shape_nodes(few);
    vyre_program_destroy(&few);
  }
  uint32_t each = with[1] - with[0], around = with[0] - each;
  return parse_units(shape, nodes > around + each ? (nodes - around) / each : 1, out_program);
}
