package org.pushauthenticator.app

import com.google.firebase.messaging.FirebaseMessagingService
import com.google.firebase.messaging.RemoteMessage
import kotlinx.coroutines.runBlocking
import org.json.JSONObject
import org.pushauthenticator.CommunicationType
import org.pushauthenticator.app.messages.Messages

/**
 * Passes on pushes from Firebase Cloud Messaging. Not compiled with the app, because it needs Firebase's library and
 * your own Firebase project (`google-services.json`). To use it, add `src/fcm/kotlin` to the source folders and this to
 * the manifest:
 *
 *     <service android:name="org.pushauthenticator.app.FcmService" android:exported="false">
 *         <intent-filter><action android:name="com.google.firebase.MESSAGING_EVENT" /></intent-filter>
 *     </service>
 *
 * Firebase calls both methods on one of its threads, which keeps the process alive until they return.
 */
class FcmService : FirebaseMessagingService() {
    override fun onMessageReceived(message: RemoteMessage) {
        val payload = JSONObject(message.data as Map<*, *>).toString().toByteArray()
        runBlocking { Messages(application as App).take(payload) }
    }

    override fun onNewToken(token: String) {
        runBlocking { Messages(application as App).moved(token, CommunicationType.GCM) }
    }
}
