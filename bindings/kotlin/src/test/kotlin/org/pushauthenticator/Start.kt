package org.pushauthenticator

import com.sun.jna.Native

/**
 * A process that first starts the library, with JNA already loaded, and then opens a vault; prints both times in
 * milliseconds.
 */
fun main(arguments: Array<String>) {
    Native.load("c", com.sun.jna.Library::class.java)
    val began = System.nanoTime()
    uniffiEnsureInitialized()
    val started = System.nanoTime()
    Authenticator.open(arguments.single(), TestKeys(), null).close()
    println("${(started - began) / 1e6} ${(System.nanoTime() - started) / 1e6}")
}
