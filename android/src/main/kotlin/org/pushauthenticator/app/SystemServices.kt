package org.pushauthenticator.app

import android.content.Context

/** Returns a service that every Android version has since API 28. */
inline fun <reified T : Any> Context.service(): T =
    checkNotNull(getSystemService(T::class.java)) { "This system has no ${T::class.java.simpleName}." }
