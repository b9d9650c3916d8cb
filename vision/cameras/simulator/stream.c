/* The data stream: buffers announced by the consumer, their queues, and the event that says one was filled. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "simulator.h"

Stream stream;
Module event_module = {MODULE_EVENT, false};

static int32_t check_stream(const void *handle)
{
    return handle == &stream && stream.module.open ? GC_ERR_SUCCESS : fail(GC_ERR_INVALID_HANDLE, "the stream is not open");
}

static Buffer *find_buffer(const void *handle)
{
    for (int i = 0; i < BUFFERS_MAX; i++)
        if (handle == &stream.buffers[i] && stream.buffers[i].announced)
            return &stream.buffers[i];
    return 0;
}

GC_API DSClose(void *handle)
{
    int32_t code = check_stream(handle);
    if (code)
        return code;
    engine_stop();
    stream.module.open = stream.grabbing = false;
    return GC_ERR_SUCCESS;
}

GC_API DSAnnounceBuffer(void *handle, void *base, size_t size, void *user, void **announced)
{
    int32_t code = check_stream(handle);
    if (code)
        return code;
    if (!base || !size)
        return fail(GC_ERR_INVALID_PARAMETER, "an empty buffer");
    for (int i = 0; i < BUFFERS_MAX; i++)
        if (!stream.buffers[i].announced) {
            stream.buffers[i] = (Buffer){.module = {MODULE_BUFFER, true}, .base = base, .size = size, .user = user, .announced = true};
            *announced = &stream.buffers[i];
            return GC_ERR_SUCCESS;
        }
    return fail(GC_ERR_RESOURCE_IN_USE, "more than %d buffers", BUFFERS_MAX);
}

GC_API DSAllocAndAnnounceBuffer(void *handle, size_t size, void *user, void **announced)
{
    void *base = malloc(size);
    int32_t code = base ? DSAnnounceBuffer(handle, base, size, user, announced) : fail(GC_ERR_ERROR, "out of memory");
    if (code)
        free(base);
    else
        ((Buffer *)*announced)->owned = true;
    return code;
}

GC_API DSRevokeBuffer(void *handle, void *revoked, void **base, void **user)
{
    int32_t code = check_stream(handle);
    Buffer *buffer = code ? 0 : find_buffer(revoked);
    if (code)
        return code;
    if (!buffer)
        return fail(GC_ERR_INVALID_HANDLE, "not an announced buffer");
    if (buffer->queued)
        return fail(GC_ERR_RESOURCE_IN_USE, "the buffer is in a queue");
    if (base)
        *base = buffer->owned ? 0 : buffer->base;
    if (user)
        *user = buffer->user;
    if (buffer->owned)
        free(buffer->base);
    buffer->announced = false;
    return GC_ERR_SUCCESS;
}

static void to_input(Buffer *buffer)
{
    buffer->queued = true;
    buffer->new_data = buffer->incomplete = false;
    buffer->filled = 0;
    stream.input[stream.input_count++] = (int)(buffer - stream.buffers);
}

GC_API DSQueueBuffer(void *handle, void *queued)
{
    int32_t code = check_stream(handle);
    Buffer *buffer = code ? 0 : find_buffer(queued);
    if (code)
        return code;
    if (!buffer)
        return fail(GC_ERR_INVALID_HANDLE, "not an announced buffer");
    pthread_mutex_lock(&lock);
    bool free_to_queue = !buffer->queued;
    if (free_to_queue)
        to_input(buffer);
    pthread_mutex_unlock(&lock);
    return free_to_queue ? GC_ERR_SUCCESS : fail(GC_ERR_RESOURCE_IN_USE, "the buffer is in a queue already");
}

static void empty(int *queue, int *count)
{
    for (int i = 0; i < *count; i++)
        stream.buffers[queue[i]].queued = false;
    *count = 0;
}

GC_API DSFlushQueue(void *handle, int32_t operation)
{
    int32_t code = check_stream(handle);
    if (code)
        return code;
    pthread_mutex_lock(&lock);
    if (operation == FLUSH_INPUT_TO_OUTPUT)
        while (stream.input_count)
            stream.output[stream.output_count++] = stream.input[--stream.input_count];
    if (operation == FLUSH_OUTPUT_DISCARD || operation == FLUSH_ALL_DISCARD || operation == FLUSH_ALL_TO_INPUT)
        empty(stream.output, &stream.output_count);
    if (operation == FLUSH_ALL_DISCARD)
        empty(stream.input, &stream.input_count);
    if (operation == FLUSH_ALL_TO_INPUT || operation == FLUSH_UNQUEUED_TO_INPUT)
        for (int i = 0; i < BUFFERS_MAX; i++)
            if (stream.buffers[i].announced && !stream.buffers[i].queued)
                to_input(&stream.buffers[i]);
    pthread_mutex_unlock(&lock);
    return GC_ERR_SUCCESS;
}

GC_API DSStartAcquisition(void *handle, int32_t flags, uint64_t count)
{
    (void)flags, (void)count;
    int32_t code = check_stream(handle);
    if (code)
        return code;
    if (stream.grabbing)
        return fail(GC_ERR_RESOURCE_IN_USE, "the stream runs already");
    stream.grabbing = true;
    stream.delivered = 0;
    return GC_ERR_SUCCESS;
}

GC_API DSStopAcquisition(void *handle, int32_t flags)
{
    (void)flags;
    int32_t code = check_stream(handle);
    if (code)
        return code;
    engine_stop();
    stream.grabbing = false;
    return GC_ERR_SUCCESS;
}

GC_API DSGetInfo(void *handle, int32_t command, int32_t *type, void *buffer, size_t *size)
{
    int32_t code = check_stream(handle);
    uint64_t announced = 0;
    if (code)
        return code;
    for (int i = 0; i < BUFFERS_MAX; i++)
        announced += stream.buffers[i].announced;
    switch (command) {
    case STREAM_ID: return put_string("Stream0", type, buffer, size);
    case STREAM_TLTYPE: return put_string(TLTYPE, type, buffer, size);
    case STREAM_NUM_DELIVERED: return put_number(TYPE_UINT64, stream.delivered, type, buffer, size);
    case STREAM_NUM_UNDERRUN: return put_number(TYPE_UINT64, stream.underrun, type, buffer, size);
    case STREAM_NUM_STARTED: return put_number(TYPE_UINT64, stream.started, type, buffer, size);
    case STREAM_NUM_ANNOUNCED: return put_number(TYPE_SIZET, announced, type, buffer, size);
    case STREAM_NUM_QUEUED: return put_number(TYPE_SIZET, (uint64_t)stream.input_count, type, buffer, size);
    case STREAM_NUM_AWAIT_DELIVERY: return put_number(TYPE_SIZET, (uint64_t)stream.output_count, type, buffer, size);
    case STREAM_PAYLOAD_SIZE: return put_number(TYPE_SIZET, payload_size(), type, buffer, size);
    case STREAM_IS_GRABBING: return put_number(TYPE_BOOL8, stream.grabbing, type, buffer, size);
    case STREAM_DEFINES_PAYLOADSIZE: return put_number(TYPE_BOOL8, 1, type, buffer, size);
    case STREAM_NUM_CHUNKS_MAX: return put_number(TYPE_SIZET, 6, type, buffer, size);
    case STREAM_BUF_ANNOUNCE_MIN: case STREAM_BUF_ALIGNMENT: return put_number(TYPE_SIZET, 1, type, buffer, size);
    default: return fail(GC_ERR_NOT_IMPLEMENTED, "stream info %d", command);
    }
}

GC_API DSGetBufferID(void *handle, uint32_t index, void **buffer)
{
    int32_t code = check_stream(handle);
    for (int i = 0; code == GC_ERR_SUCCESS && i < BUFFERS_MAX; i++)
        if (stream.buffers[i].announced && index-- == 0) {
            *buffer = &stream.buffers[i];
            return GC_ERR_SUCCESS;
        }
    return code ? code : fail(GC_ERR_INVALID_INDEX, "fewer buffers are announced");
}

GC_API DSGetParentDev(void *handle, void **parent)
{
    *parent = &device_module;
    return check_stream(handle);
}

GC_API DSGetBufferInfo(void *handle, void *asked, int32_t command, int32_t *type, void *buffer, size_t *size)
{
    int32_t code = check_stream(handle);
    const Buffer *b = code ? 0 : find_buffer(asked);
    if (code)
        return code;
    if (!b)
        return fail(GC_ERR_INVALID_HANDLE, "not an announced buffer");
    switch (command) {
    case BUFFER_BASE: return put_number(TYPE_PTR, (uint64_t)(uintptr_t)b->base, type, buffer, size);
    case BUFFER_SIZE: return put_number(TYPE_SIZET, b->size, type, buffer, size);
    case BUFFER_USER_PTR: return put_number(TYPE_PTR, (uint64_t)(uintptr_t)b->user, type, buffer, size);
    case BUFFER_TIMESTAMP: case BUFFER_TIMESTAMP_NS: return put_number(TYPE_UINT64, b->timestamp_ns, type, buffer, size);
    case BUFFER_NEW_DATA: return put_number(TYPE_BOOL8, b->new_data, type, buffer, size);
    case BUFFER_IS_QUEUED: return put_number(TYPE_BOOL8, b->queued, type, buffer, size);
    case BUFFER_IS_ACQUIRING: return put_number(TYPE_BOOL8, b->acquiring, type, buffer, size);
    case BUFFER_IS_INCOMPLETE: return put_number(TYPE_BOOL8, b->incomplete, type, buffer, size);
    case BUFFER_TLTYPE: return put_string(TLTYPE, type, buffer, size);
    case BUFFER_SIZE_FILLED: return put_number(TYPE_SIZET, b->filled, type, buffer, size);
    case BUFFER_WIDTH: return put_number(TYPE_SIZET, b->width, type, buffer, size);
    case BUFFER_HEIGHT: case BUFFER_DELIVERED_IMAGEHEIGHT: return put_number(TYPE_SIZET, b->height, type, buffer, size);
    case BUFFER_XOFFSET: return put_number(TYPE_SIZET, b->offset_x, type, buffer, size);
    case BUFFER_YOFFSET: return put_number(TYPE_SIZET, b->offset_y, type, buffer, size);
    case BUFFER_XPADDING: case BUFFER_YPADDING: case BUFFER_IMAGEOFFSET: return put_number(TYPE_SIZET, 0, type, buffer, size);
    case BUFFER_FRAMEID: return put_number(TYPE_UINT64, b->frame_id, type, buffer, size);
    case BUFFER_IMAGEPRESENT: return put_number(TYPE_BOOL8, b->new_data, type, buffer, size);
    case BUFFER_PAYLOADTYPE: return put_number(TYPE_SIZET, b->has_chunks ? PAYLOAD_CHUNK_DATA : PAYLOAD_IMAGE, type, buffer, size);
    case BUFFER_PIXELFORMAT: return put_number(TYPE_UINT64, MONO8, type, buffer, size);
    case BUFFER_PIXELFORMAT_NAMESPACE: return put_number(TYPE_UINT64, PIXEL_NAMESPACE_PFNC_32BIT, type, buffer, size);
    case BUFFER_DELIVERED_CHUNKPAYLOADSIZE: return put_number(TYPE_SIZET, b->has_chunks ? b->payload_size : 0, type, buffer, size);
    case BUFFER_CHUNKLAYOUTID: return put_number(TYPE_UINT64, b->has_chunks, type, buffer, size);
    case BUFFER_PIXEL_ENDIANNESS: return put_number(TYPE_INT32, PIXEL_ENDIANNESS_LITTLE, type, buffer, size);
    case BUFFER_DATA_SIZE: return put_number(TYPE_SIZET, b->payload_size, type, buffer, size);
    case BUFFER_DATA_LARGER_THAN_BUFFER: return put_number(TYPE_BOOL8, b->payload_size > b->size, type, buffer, size);
    case BUFFER_CONTAINS_CHUNKDATA: return put_number(TYPE_BOOL8, b->has_chunks, type, buffer, size);
    default: return fail(GC_ERR_NOT_IMPLEMENTED, "buffer info %d", command);
    }
}
