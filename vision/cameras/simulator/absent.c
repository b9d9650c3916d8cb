/* What GenTL 1.5 and 1.6 name and this producer does not have; genicam calls exports without asking whether they exist. */
#include "simulator.h"

GC_API DSGetBufferChunkData(void *handle, void *buffer, ChunkEntry *chunks, size_t *count)
{
    (void)handle, (void)buffer, (void)chunks;
    *count = 0;
    return fail(GC_ERR_NOT_IMPLEMENTED, "chunks are read from the payload, in the layout of GigE Vision");
}

GC_API DSGetNumBufferParts(void *handle, void *buffer, uint32_t *count)
{
    (void)handle, (void)buffer;
    *count = 0;
    return fail(GC_ERR_NOT_IMPLEMENTED, "no multi-part payload");
}

GC_API DSGetBufferPartInfo(void *handle, void *buffer, uint32_t part, int32_t command, int32_t *type, void *data, size_t *size)
{
    (void)handle, (void)buffer, (void)part, (void)command, (void)type, (void)data, (void)size;
    return fail(GC_ERR_NOT_IMPLEMENTED, "no multi-part payload");
}

#define ABSENT(name) \
    GC_API name(void) { return fail(GC_ERR_NOT_IMPLEMENTED, #name); }

ABSENT(DSAnnounceCompositeBuffer)
ABSENT(DSGetBufferInfoStacked)
ABSENT(DSGetBufferPartInfoStacked)
ABSENT(DSGetNumFlows)
ABSENT(DSGetFlowInfo)
ABSENT(DSGetNumBufferSegments)
ABSENT(DSGetBufferSegmentInfo)
