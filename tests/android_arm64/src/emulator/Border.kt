package org.pushauthenticator

import com.sun.jna.Memory
import com.sun.jna.Structure
import java.io.File

/**
 * What the rewritten bindings call instead of JNA: the library's functions in the running process. A [RustBuffer] of
 * the bindings lies in the JVM's memory and one of the library in bionic's allocator, so their content is copied at the
 * boundary.
 */
internal object Border {
    private val tables = LinkedHashMap<String, Structure>()
    private var process: LibraryProcess? = null

    /** The library, as an app contains it. */
    val library = File(System.getProperty("arm64.library"))

    /** The process, started if none is running. */
    @get:Synchronized
    val running: LibraryProcess
        get() = process ?: LibraryProcess(Bionic(), library).also { started ->
            process = started
            tables.forEach(started::register)
        }

    /** Kills the process as the system does to reclaim memory, without notice. */
    @Synchronized
    fun kill() {
        process?.bionic?.close()
        process = null
    }

    inline fun <reified R> call(name: String, vararg arguments: Any): R = called(name, R::class.java, arguments) as R

    @Synchronized
    fun called(name: String, result: Class<*>, arguments: Array<out Any>): Any = when {
        name == "ffi_push_authenticator_rustbuffer_alloc" -> buffer(ByteArray((arguments[0] as Long).toInt()))
        // The garbage collector frees the bindings' buffers.
        name == "ffi_push_authenticator_rustbuffer_free" -> Unit
        "_init_callback_vtable_" in name -> (arguments[0] as Structure).let { table ->
            running.register(name, table)
            tables[name] = table
        }
        else -> running.call(name, result, arguments)
    }

    /** Makes a buffer of the bindings. */
    fun buffer(bytes: ByteArray): RustBuffer.ByValue {
        val memory = Memory(bytes.size.coerceAtLeast(1).toLong()).apply { write(0, bytes, 0, bytes.size) }
        return RustBuffer.create(bytes.size.toULong(), bytes.size.toULong(), memory)
    }

    /** Returns the content of a buffer. */
    fun bytes(buffer: RustBuffer): ByteArray = buffer.data?.getByteArray(0, buffer.len.toInt()) ?: ByteArray(0)
}
