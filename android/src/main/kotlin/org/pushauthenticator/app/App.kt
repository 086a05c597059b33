package org.pushauthenticator.app

import android.app.Application
import android.app.KeyguardManager
import java.io.File
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.retryWhen
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.Courier
import org.pushauthenticator.PushAuthenticator
import org.pushauthenticator.app.keys.AccountKeys
import org.pushauthenticator.app.keys.BiometricKey
import org.pushauthenticator.app.keys.SigningKeys
import org.pushauthenticator.app.keys.VaultKey
import org.pushauthenticator.app.messages.DeliveryJob
import org.pushauthenticator.app.messages.Outgoing
import org.pushauthenticator.app.messages.RequestNotices

/** The core over this app's vault, and the courier that sends for it. */
class Core(val phone: PushAuthenticator, val courier: Courier)

/** The app's process: one vault, opened on first use, and everything that screens, receivers and jobs share. */
class App : Application() {
    /** For work that must outlive a screen: answers on their way, incoming messages. */
    val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    val settings by lazy { Settings(this) }
    val lock by lazy { AppLock(settings) }
    val notices by lazy { RequestNotices(this, settings) }
    val outgoing by lazy { Outgoing(this) }
    val biometricKey by lazy { BiometricKey(this) }
    val signingKeys by lazy { SigningKeys(this) }
    val accountKeys by lazy { AccountKeys(signingKeys, biometricKey) }

    private val opening = Mutex()
    private var opened: Core? = null

    override fun onCreate() {
        super.onCreate()
        registerActivityLifecycleCallbacks(Foreground(this))
        notices.makeChannel()
        DeliveryJob.schedule(this)
    }

    /**
     * Returns the core, after telling it the current state of the device.
     *
     * @throws AuthenticatorException when the vault cannot be opened; trying again may help
     */
    suspend fun core(): Core {
        val core = opening.withLock { opened ?: open().also { opened = it } }
        tell(core.phone)
        return core
    }

    private suspend fun tell(phone: PushAuthenticator) {
        val facts = DeviceState(this).facts()
        val locked = service<KeyguardManager>().isDeviceLocked || lock.isLocked
        phone.call {
            setDeviceFacts(facts)
            setConcealed(locked)
        }
    }

    private suspend fun open(): Core {
        val phone = PushAuthenticator.open(File(noBackupFilesDir, "vault").path, VaultKey(this), SystemLog)
        // Must happen before any of the stored sign-on requests is shown.
        tell(phone)
        // Keeps the notifications in step with the sign-on requests that can be answered, whatever changed them.
        scope.launch {
            combine(phone.notifications, phone.accounts) { pending, accounts -> pending to accounts }.again()
                .collect { (pending, accounts) -> notices.follow(pending, accounts) }
        }
        accountKeys.tidy(phone)
        return Core(phone, Courier(phone, signer = { id, toSign -> signingKeys.signUnasked(phone.call { accounts() }.find { it.id == id }, toSign) }))
    }

    override fun onTerminate() {
        scope.cancel()
        super.onTerminate()
    }
}

/** Returns a flow that never fails: if the vault cannot be read, it tries again after a pause. */
internal fun <T> Flow<T>.again(pause: Duration = 5.seconds): Flow<T> = retryWhen { failed, _ ->
    if (failed !is AuthenticatorException) return@retryWhen false
    SystemLog.failure(failed)
    delay(pause)
    true
}
