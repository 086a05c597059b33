package org.pushauthenticator.app

import com.google.firebase.messaging.FirebaseMessagingService
import com.google.firebase.messaging.RemoteMessage
import kotlinx.coroutines.runBlocking
import org.json.JSONObject
import org.pushauthenticator.CommunicationType
import org.pushauthenticator.app.messages.Messages

/**
 * Hands pushes of Firebase Cloud Messaging on. It is not compiled with the app, because it takes Firebase's library and a
 * project of yours there (`google-services.json`): add `src/fcm/kotlin` to the source folders, and to the manifest
 *
 *     <service android:name="org.pushauthenticator.app.FcmService" android:exported="false">
 *         <intent-filter><action android:name="com.google.firebase.MESSAGING_EVENT" /></intent-filter>
 *     </service>
 *
 * Both methods are called on a thread of Firebase's, which keeps the process alive until they return.
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
