# vyre_module(NAME SOURCES file... [REQUIRES module...] [LIBRARIES target...])
#
# A module is a folder under src/ and an object library vyre-NAME. REQUIRES names the modules whose headers it may
# include; tests/layers holds the real includes against these lists (it reads the generated layers.txt).
set_property(GLOBAL PROPERTY VYRE_LAYERS "")
function(vyre_module name)
  cmake_parse_arguments(M "" "" "SOURCES;REQUIRES;LIBRARIES" ${ARGN})
  add_library(vyre-${name} OBJECT ${M_SOURCES})
  target_include_directories(vyre-${name} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(vyre-${name} PUBLIC Threads::Threads ${M_LIBRARIES})
  string(JOIN " " requires ${M_REQUIRES})
  set_property(GLOBAL APPEND PROPERTY VYRE_LAYERS "${name}: ${requires}")
endfunction()

# Writes the declared layers for tests/layers: lines "module: required modules", in the order of declaration.
function(vyre_write_layers path)
  get_property(layers GLOBAL PROPERTY VYRE_LAYERS)
  string(JOIN "\n" text ${layers})
  file(WRITE ${path} "${text}\n")
endfunction()
