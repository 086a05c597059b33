package org.pushauthenticator.app

import android.app.Activity
import android.app.KeyguardManager
import android.content.Intent
import android.hardware.biometrics.BiometricManager
import android.content.pm.PackageManager
import android.os.Build
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import java.time.Duration
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Before
import org.junit.runner.RunWith
import org.pushauthenticator.Account
import org.pushauthenticator.Authenticator
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowBiometricManager

/** The app over the real core, on a phone with a screen lock and a fingerprint. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = [35], shadows = [ShadowBiometricPrompt::class], qualifiers = "w360dp-h740dp-xhdpi")
abstract class AppTest {
    protected val app: App get() = RuntimeEnvironment.getApplication() as App
    protected val keyguard get() = shadowOf(app.getSystemService(KeyguardManager::class.java))
    private val screens = mutableListOf<ActivityController<*>>()

    @Before
    fun preparePhone() {
        FakeKeyStore.install()
        ShadowBiometricPrompt.reset()
        keyguard.setIsDeviceSecure(true)
        setBiometric(true)
        shadowOf(app).grantPermissions(android.Manifest.permission.POST_NOTIFICATIONS)
    }

    /** Leaves all screens. */
    @After
    fun close() {
        screens.forEach { runCatching { it.pause().stop().destroy() } }
        screens.clear()
        shadowOf(Looper.getMainLooper()).idle()
    }

    protected fun setBiometric(there: Boolean) {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) {
            Shadow.extract<ShadowBiometricManager>(app.service<BiometricManager>()).setCanAuthenticate(there)
        } else {
            shadowOf(app.packageManager).setSystemFeature(PackageManager.FEATURE_FINGERPRINT, there)
            @Suppress("DEPRECATION")
            Shadow.extract<org.robolectric.shadows.ShadowFingerprintManager>(app.service<android.hardware.fingerprint.FingerprintManager>())
                .setDefaultFingerprints(if (there) 1 else 0)
        }
    }

    fun biometricKey() = app.biometricKey
    fun signingKeys() = app.signingKeys
    fun <T> core(work: Authenticator.() -> T): T = phone(work)

    protected fun <T> phone(work: Authenticator.() -> T): T = runBlocking { app.core().phone.call(work) }

    protected fun addCodes(issuer: String = "Example", name: String = "alice@example.com", kind: String = "totp", more: String = ""): Account =
        phone { enrol("otpauth://$kind/$issuer:$name?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=$issuer$more", enrolment(), null) }

    fun enrolment(replace: Boolean = false) = org.pushauthenticator.Enrolment(
        org.pushauthenticator.Device("Robolectric", org.pushauthenticator.Platform.ANDROID, app.settings.pushToken, app.settings.communicationType),
        org.pushauthenticator.DeviceFacts(true, 0.0), replace,
    )

    protected inline fun <reified T : Activity> open(intent: Intent? = null): T = open(T::class.java, intent)

    protected fun <T : Activity> open(type: Class<T>, intent: Intent?): T =
        Robolectric.buildActivity(type, intent).also { screens += it }.setup().get()

    /** Recreates the screen from its saved state, as the system does after a theme or font change. */
    protected inline fun <reified T : Activity> again(screen: T): T = again(T::class.java, screen)

    protected fun <T : Activity> again(type: Class<T>, screen: T): T = type.cast(screens.single { it.get() === screen }.recreate().get())!!

    /** Covers this screen with another one for a moment. */
    protected fun returned(screen: Activity) = behind(screen) {}

    protected fun behind(screen: Activity, meanwhile: () -> Unit) {
        val controller = screens.single { it.get() === screen }.pause()
        meanwhile()
        shadowOf(Looper.getMainLooper()).idle()
        controller.resume()
    }

    /** Lets the main thread run until [condition] holds. */
    protected fun <T : Any> await(what: String, condition: () -> T?): T {
        val end = System.nanoTime() + Duration.ofSeconds(20).toNanos()
        while (System.nanoTime() < end) {
            shadowOf(Looper.getMainLooper()).idle()
            condition()?.let { return it }
            Thread.sleep(10)
        }
        throw AssertionError("never came: $what")
    }

    fun until(what: String, condition: () -> Boolean) = awaitThat(what, condition)

    protected fun awaitThat(what: String, condition: () -> Boolean) {
        await(what) { if (condition()) Unit else null }
    }

    /** Returns the texts that a user could read on the screen. */
    protected fun Activity.texts(): List<String> = visible(window.decorView).filterIsInstance<TextView>()
        .map { it.text.toString() }.filter { it.isNotEmpty() }

    protected fun Activity.awaitText(text: String) = await("\"$text\" among ${texts()}") { texts().find { text in it } }

    protected fun Activity.tap(id: Int) = awaitThat("a button to tap") { findViewById<View>(id)?.let { it.isShown && it.isEnabled && it.performClick() } == true }

    protected fun visible(view: View): List<View> = when {
        view.visibility != View.VISIBLE -> emptyList()
        view is ViewGroup -> listOf(view) + (0 until view.childCount).flatMap { visible(view.getChildAt(it)) }
        else -> listOf(view)
    }
}
