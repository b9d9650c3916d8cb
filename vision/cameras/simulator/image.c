/* What a frame consists of: pixels of the replay cut to the region of interest, and the chunk data behind them. */
#include <string.h>

#include "simulator.h"

#define IMAGE_CHUNK 0xa5a50000u
#define CHUNK_KINDS 5

static const uint32_t chunk_ids[CHUNK_KINDS] = {CHUNK_FRAME_ID, CHUNK_TIMESTAMP, CHUNK_EXPOSURE_TIME, CHUNK_ENCODER_VALUE, CHUNK_LINE_STATUS_ALL};

static bool chunk_enabled(int kind) { return get_int(REG_CHUNK_ENABLE + 8 * (uint32_t)kind) != 0; }

size_t payload_size(void)
{
    size_t size = (size_t)(get_int(REG_WIDTH) * get_int(REG_HEIGHT));
    if (!get_int(REG_CHUNK_MODE_ACTIVE))
        return size;
    size += 8;
    for (int kind = 0; kind < CHUNK_KINDS; kind++)
        size += chunk_enabled(kind) ? 16 : 0;
    return size;
}

static void put_big_endian(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* A chunk of GigE Vision: the data, then its id and its length, big-endian; readers walk from the end. */
static uint8_t *put_tail(uint8_t *at, uint32_t id, size_t length)
{
    put_big_endian(at, id);
    put_big_endian(at + 4, (uint32_t)length);
    return at + 8;
}

static uint8_t *put_chunks(uint8_t *at, const Exposure *exposure, uint64_t frame_id)
{
    double exposure_us = get_float(REG_EXPOSURE_TIME);
    uint64_t values[CHUNK_KINDS] = {
        frame_id,
        (uint64_t)device_clock_ns(exposure->time_ns),
        0,
        (uint64_t)(get_int(REG_ENCODER_SOURCE_A) ? encoder_counts(exposure->time_ns) / get_int(REG_ENCODER_DIVIDER) : 0),
        (uint64_t)line_status_all(exposure->time_ns),
    };
    memcpy(&values[2], &exposure_us, sizeof exposure_us);
    for (int kind = 0; kind < CHUNK_KINDS; kind++)
        if (chunk_enabled(kind)) {
            memcpy(at, &values[kind], 8);
            at = put_tail(at + 8, chunk_ids[kind], 8);
        }
    return at;
}

/* Rows of the background, then of the patch where it meets the region of interest. */
static void copy_pixels(uint8_t *to, const FrameEntry *entry, uint32_t width, uint32_t height, uint32_t offset_x, uint32_t offset_y)
{
    const uint8_t *background = frames.backgrounds + (size_t)entry->background * frames.width * frames.height;
    uint32_t left = entry->x > offset_x ? entry->x : offset_x, top = entry->y > offset_y ? entry->y : offset_y;
    uint32_t right = entry->x + entry->width < offset_x + width ? entry->x + entry->width : offset_x + width;
    uint32_t bottom = entry->y + entry->height < offset_y + height ? entry->y + entry->height : offset_y + height;
    bool meets = left < right && top < bottom;
    bool covers = meets && left == offset_x && top == offset_y && right == offset_x + width && bottom == offset_y + height;
    for (uint32_t row = 0; row < height && !covers; row++)
        memcpy(to + (size_t)row * width, background + (size_t)(offset_y + row) * frames.width + offset_x, width);
    for (uint32_t y = top; meets && y < bottom; y++)
        memcpy(to + (size_t)(y - offset_y) * width + (left - offset_x),
               frames.bytes + entry->offset + (size_t)(y - entry->y) * entry->width + (left - entry->x), right - left);
}

/* Fills a buffer that is in nobody's queue; called with the lock held, which it gives away while it copies. */
size_t write_payload(Buffer *buffer, const Exposure *exposure, uint64_t frame_id)
{
    buffer->width = (uint32_t)get_int(REG_WIDTH);
    buffer->height = (uint32_t)get_int(REG_HEIGHT);
    buffer->offset_x = (uint32_t)get_int(REG_OFFSET_X);
    buffer->offset_y = (uint32_t)get_int(REG_OFFSET_Y);
    buffer->frame_id = frame_id;
    buffer->timestamp_ns = (uint64_t)device_clock_ns(exposure->time_ns);
    buffer->has_chunks = get_int(REG_CHUNK_MODE_ACTIVE) != 0;
    buffer->payload_size = payload_size();
    if (buffer->payload_size > buffer->size)
        return 0;
    size_t image = (size_t)buffer->width * buffer->height;
    if (buffer->has_chunks)
        put_chunks(put_tail(buffer->base + image, IMAGE_CHUNK, image), exposure, frame_id);
    const FrameEntry *entry = &frames.entries[exposure->pack % frames.entry_count];
    pthread_mutex_unlock(&lock);
    copy_pixels(buffer->base, entry, buffer->width, buffer->height, buffer->offset_x, buffer->offset_y);
    pthread_mutex_lock(&lock);
    return buffer->payload_size;
}
